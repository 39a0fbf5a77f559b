package dev.edgekd.core.preprocessing

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import kotlin.math.roundToInt

/**
 * Strokes, light on dark, brought into the place and size of the digits that a model learnt from.
 *
 * As MNIST was made (LeCun, Cortes, Burges, "The MNIST database of handwritten digits"): the box
 * around the strokes is scaled, with its proportions, to 20 of 28 pixels, and moved by whole pixels
 * so that the centre of mass lies in the middle. In the 8 x 8 digits of UCI, which scikit-learn
 * carries, the box fills the image and is centred itself; the centre of mass decides between two
 * middles.
 */
object Drawing {
    /** Fainter ink, 0 to 1, does not count for the box. */
    private const val FAINTEST = 0.05

    /** Sides up to this many pixels are filled, as those of UCI's digits. */
    private const val LARGEST_FILLED = 16

    /**
     * The drawing as a grey picture of [shape]'s size.
     *
     * Throws [Problem] (`inputs`): nothing is drawn.
     */
    fun fitted(drawing: Picture, shape: ImageShape): Picture {
        val box = boxOf(drawing)
        val size = sizeOf(box, shape)
        val ink =
            resized(box.width, box.height, size) { y, into ->
                drawing.luma(box.top + y, box.left, into)
            }
        val roomX = shape.width - ink.width
        val roomY = shape.height - ink.height
        val (massX, massY) = centreOfMass(ink)
        if (isFilled(shape)) {
            val left = nearest(shape.width / 2.0 - massX, middle(roomX))
            return framed(ink, shape, left, nearest(shape.height / 2.0 - massY, middle(roomY)))
        }
        // MNIST's digits have their centre of mass in the middle of the pixel right of and below
        // the middle of the image.
        val left = nearest(shape.width / 2.0 + 0.5 - massX, 0..roomX)
        return framed(ink, shape, left, nearest(shape.height / 2.0 + 0.5 - massY, 0..roomY))
    }

    private fun isFilled(shape: ImageShape): Boolean =
        minOf(shape.width, shape.height) <= LARGEST_FILLED

    private fun sizeOf(box: Box, shape: ImageShape): ImageShape {
        val share = if (isFilled(shape)) 1.0 else 20.0 / 28.0
        val longest = share * minOf(shape.width, shape.height)
        val factor = longest / maxOf(box.width, box.height)
        return shape.copy(
            width = (box.width * factor).roundToInt().coerceAtLeast(1),
            height = (box.height * factor).roundToInt().coerceAtLeast(1),
        )
    }

    /** Where the box may begin to be centred: two places where the room cannot be halved. */
    private fun middle(room: Int): IntRange = room / 2..(room + 1) / 2

    private fun nearest(place: Double, places: IntRange): Int = place.roundToInt().coerceIn(places)

    private class Box(val left: Int, val top: Int, val width: Int, val height: Int)

    private fun boxOf(drawing: Picture): Box {
        val row = DoubleArray(drawing.width)
        var (left, top, right, bottom) = listOf(drawing.width, drawing.height, -1, -1)
        for (y in 0 until drawing.height) {
            drawing.luma(y, 0, row)
            val first = row.indexOfFirst { it > FAINTEST }
            if (first < 0) continue
            left = minOf(left, first)
            right = maxOf(right, row.indexOfLast { it > FAINTEST })
            top = minOf(top, y)
            bottom = y
        }
        if (right < 0) throw Problem(Reason.INPUTS, "nothing is drawn")
        return Box(left, top, right - left + 1, bottom - top + 1)
    }

    /** In pixels from the left and upper edge, where the first pixel's middle is 0.5. */
    private fun centreOfMass(ink: Plane): Pair<Double, Double> {
        var mass = 0.0
        var x = 0.0
        var y = 0.0
        ink.values.forEachIndexed { index, value ->
            mass += value
            x += value * (index % ink.width + 0.5)
            y += value * (index / ink.width + 0.5)
        }
        return Pair(x / mass, y / mass)
    }

    private fun framed(ink: Plane, shape: ImageShape, left: Int, top: Int): Picture {
        val argb = IntArray(shape.width * shape.height) { BLACK }
        for (y in 0 until ink.height) {
            for (x in 0 until ink.width) {
                val grey = (ink.values[y * ink.width + x] * 255).roundToInt()
                argb[(top + y) * shape.width + left + x] = BLACK or grey * 0x010101
            }
        }
        return Picture(shape.width, shape.height, argb)
    }

    private const val BLACK = 0xFF shl 24
}
