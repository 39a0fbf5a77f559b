package dev.edgekd.core.preprocessing

import dev.edgekd.core.bundle.Axis
import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.tensor.Layout
import dev.edgekd.core.tensor.Quantizer
import dev.edgekd.core.tensor.Tensor
import kotlin.math.roundToInt

/**
 * A picture of any size as the input of a bundle.
 *
 * The middle of the picture, of the input's proportions, is resized. `value * scale` of edgekd's
 * preprocessing is the intensity 0 to 1 for all of its image sources (scale 1/255 for pixels,
 * 1/16 for scikit-learn's digits), so the intensity is what mean and std are applied to.
 *
 * Throws [Problem] (`model`): the bundle takes no image, or does not say how it is prepared.
 */
class ImagePreprocessing(bundle: Bundle) {
    private val spec = bundle.singleInput()
    private val shape = ImageShape.of(spec)
    private val normalization =
        Normalization.of(bundle.requiredPreprocessing(), Axis.CHANNEL, shape.channels)

    /** The bundle's inputs, quantized where it stores them so. */
    fun inputs(picture: Picture): List<Tensor> {
        val pixels = shape.height * shape.width
        val values = FloatArray(shape.channels * pixels)
        for (channel in 0 until shape.channels) {
            val plane = plane(picture, channel).values
            for (pixel in 0 until pixels) {
                val place =
                    if (spec.layout == Layout.NHWC) {
                        pixel * shape.channels + channel
                    } else {
                        channel * pixels + pixel
                    }
                values[place] = normalization.apply(plane[pixel].toFloat(), channel)
            }
        }
        return listOf(Quantizer.quantize(values, spec))
    }

    private fun plane(picture: Picture, channel: Int): Plane {
        val wide = picture.height.toDouble() * shape.width / shape.height
        val high = picture.width.toDouble() * shape.height / shape.width
        val width = wide.roundToInt().coerceIn(1, picture.width)
        val height = high.roundToInt().coerceIn(1, picture.height)
        val left = (picture.width - width) / 2
        val top = (picture.height - height) / 2
        return resized(width, height, shape) { y, into ->
            if (shape.channels == 1) {
                picture.luma(top + y, left, into)
            } else {
                picture.colour(channel, top + y, left, into)
            }
        }
    }
}
