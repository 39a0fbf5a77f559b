package dev.edgekd.core.preprocessing

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.Layout
import dev.edgekd.core.tensor.TensorSpec

/** What an image input takes, in pixels; [channels] is 1 (grey) or 3 (red, green, blue). */
data class ImageShape(val channels: Int, val height: Int, val width: Int) {
    private fun isImage(): Boolean =
        channels in CHANNELS && height in 1..MOST_PIXELS && width in 1..MOST_PIXELS

    companion object {
        private val CHANNELS = setOf(1, 3)

        /** Of a side: more would only serve to fill the memory. */
        private const val MOST_PIXELS = 4096

        /** Throws [Problem] (`model`): the input takes no single image. */
        fun of(spec: TensorSpec): ImageShape {
            val shape = spec.shape
            val found =
                when {
                    shape.size != 4 || shape[0] != 1 -> null
                    spec.layout == Layout.NCHW -> ImageShape(shape[1], shape[2], shape[3])
                    spec.layout == Layout.NHWC -> ImageShape(shape[3], shape[1], shape[2])
                    else -> null
                }
            if (found == null || !found.isImage()) {
                throw Problem(
                    Reason.MODEL,
                    "the input '${spec.name}' of shape $shape takes no image",
                )
            }
            return found
        }
    }
}
