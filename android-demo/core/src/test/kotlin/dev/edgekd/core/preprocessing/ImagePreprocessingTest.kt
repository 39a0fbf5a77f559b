package dev.edgekd.core.preprocessing

import dev.edgekd.core.bundle.Axis
import dev.edgekd.core.bundle.Preprocessing
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Layout
import dev.edgekd.core.tensor.Quantization
import dev.edgekd.core.tensor.TensorSpec
import kotlin.test.Test
import kotlin.test.assertEquals

class ImagePreprocessingTest {
    private val colours = Picture(2, 1, intArrayOf(0x00FF0033, 0xFF00FF66.toInt()))

    private fun assertClose(expected: List<Double>, actual: List<Float>) {
        assertEquals(expected.size, actual.size)
        expected.zip(actual).forEach { (one, other) -> assertEquals(one, other.toDouble(), 1e-6) }
    }

    /** The mean over an area, counted on a grid that is fine enough for both sizes. */
    private fun slowMean(picture: Picture, target: ImageShape): List<Double> =
        List(target.width * target.height) { place ->
            val (top, left) = place / target.width to place % target.width
            var sum = 0
            for (y in 0 until picture.height) {
                for (x in 0 until picture.width) {
                    val fromX = (left * picture.width + x) / target.width
                    val fromY = (top * picture.height + y) / target.height
                    sum += picture.argb[fromY * picture.width + fromX] and 0xFF
                }
            }
            sum / 255.0 / (picture.width * picture.height)
        }

    @Test
    fun `shrinking takes the mean over an area`() {
        val picture = grey(10, 15) { x, y -> (x * 71 + y * 113) % 256 }
        val found = ImagePreprocessing(imageBundle(1, 6, 4)).inputs(picture)
        assertClose(slowMean(picture, ImageShape(1, 6, 4)), realValues(found))
    }

    @Test
    fun `growing draws straight lines between the middles of pixels`() {
        val picture = grey(2, 1) { x, _ -> x * 255 }
        val found = ImagePreprocessing(imageBundle(1, 2, 4)).inputs(picture)
        assertClose(listOf(0.0, 0.25, 0.75, 1.0, 0.0, 0.25, 0.75, 1.0), realValues(found))
    }

    @Test
    fun `one pixel fills any input`() {
        val found = ImagePreprocessing(imageBundle(1, 2, 3)).inputs(grey(1, 1) { _, _ -> 255 })
        assertClose(List(6) { 1.0 }, realValues(found))
    }

    @Test
    fun `the middle of a long picture is taken`() {
        val picture = grey(9, 1) { x, _ -> x * 10 }
        val found = ImagePreprocessing(imageBundle(1, 1, 1)).inputs(picture)
        assertClose(listOf(40 / 255.0), realValues(found))
    }

    @Test
    fun `colours stand in the input's layout`() {
        val planes = ImagePreprocessing(imageBundle(3, 1, 2)).inputs(colours)
        assertClose(listOf(1.0, 0.0, 0.0, 1.0, 0.2, 0.4), realValues(planes))
        val pixels = ImagePreprocessing(imageBundle(3, 1, 2, Layout.NHWC)).inputs(colours)
        assertClose(listOf(1.0, 0.0, 0.2, 0.0, 1.0, 0.4), realValues(pixels))
    }

    @Test
    fun `mean and std are of each channel`() {
        val bundle =
            imageBundle(3, 1, 2, mean = listOf(0.5, 0.0, 0.2), std = listOf(0.5, 2.0, 0.1))
        val found = ImagePreprocessing(bundle).inputs(colours)
        assertClose(listOf(1.0, -1.0, 0.0, 0.5, 0.0, 2.0), realValues(found))
    }

    @Test
    fun `one channel gets the luma, and is quantized`() {
        val bundle = imageBundle(1, 1, 2, quantization = Quantization(0.1f, 3))
        assertEquals(listOf(6f, 9f), realValues(ImagePreprocessing(bundle).inputs(colours)))
    }

    @Test
    fun `what is no picture is refused`() {
        for ((width, height, pixels) in listOf(
            Triple(2, 2, 3),
            Triple(0, 0, 0),
            Triple(-1, -1, 1),
        )) {
            assertProblem(Reason.INPUTS, "$pixels pixels") {
                Picture(width, height, IntArray(pixels))
            }
        }
        assertProblem(Reason.INPUTS, "cannot hold") { Picture(1 shl 16, 1 shl 16, IntArray(0)) }
    }

    @Test
    fun `a bundle that takes no image is refused`() {
        val plain = Preprocessing(1.0, listOf(0.0), listOf(1.0), Axis.CHANNEL, null, null)
        for (shape in listOf(
            listOf(2, 1, 4, 4),
            listOf(1, 2, 4, 4),
            listOf(1, 1, 1, 5000),
            listOf(1, 16),
        )) {
            val layout = if (shape.size == 4) Layout.NCHW else Layout.NC
            val bundle = bundleOf(listOf(TensorSpec("x", DType.FLOAT32, shape, layout)), plain)
            assertProblem(Reason.MODEL, "takes no image") { ImagePreprocessing(bundle) }
        }
        val input = imageBundle(1, 2, 2).inputs
        assertProblem(Reason.MODEL, "does not say") { ImagePreprocessing(bundleOf(input, null)) }
        assertProblem(Reason.MODEL, "2 inputs") {
            ImagePreprocessing(bundleOf(input + input, plain))
        }
        assertProblem(Reason.MODEL, "holds 2 values, not 1") {
            ImagePreprocessing(imageBundle(1, 2, 2, mean = listOf(0.0, 1.0)))
        }
    }
}
