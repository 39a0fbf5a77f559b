package dev.edgekd.core.preprocessing

import kotlin.math.ceil
import kotlin.math.floor

/** One channel: [values] row by row, 0 to 1. */
internal class Plane(val width: Int, val height: Int, val values: DoubleArray)

/**
 * Change the size of a channel, each axis by itself: the mean over the area where it shrinks,
 * linear interpolation between pixel centres where it grows.
 *
 * [row] copies row number `y` of the source, [width] values, into an array.
 */
internal fun resized(
    width: Int,
    height: Int,
    target: ImageShape,
    row: (y: Int, into: DoubleArray) -> Unit,
): Plane {
    val across = AxisWeights.between(width, target.width)
    val down = AxisWeights.between(height, target.height)
    val source = DoubleArray(width)
    val narrowed = DoubleArray(target.width * height)
    for (y in 0 until height) {
        row(y, source)
        for (x in 0 until target.width) {
            narrowed[y * target.width + x] = across.mean(x) { source[it] }
        }
    }
    val values = DoubleArray(target.width * target.height)
    for (y in 0 until target.height) {
        for (x in 0 until target.width) {
            values[y * target.width + x] = down.mean(y) { narrowed[it * target.width + x] }
        }
    }
    return Plane(target.width, target.height, values)
}

/** Which source positions make each target position of an axis; the weights of each sum to 1. */
private class AxisWeights(private val first: IntArray, private val weights: Array<DoubleArray>) {
    inline fun mean(target: Int, source: (Int) -> Double): Double {
        var sum = 0.0
        val own = weights[target]
        for (index in own.indices) sum += own[index] * source(first[target] + index)
        return sum
    }

    companion object {
        fun between(source: Int, target: Int): AxisWeights {
            val first = IntArray(target)
            val step = source.toDouble() / target
            val weights =
                Array(target) { position ->
                    if (step >= 1) {
                        first[position] = floor(position * step).toInt()
                        areas(position * step, minOf((position + 1) * step, source.toDouble()))
                    } else {
                        val centre = ((position + 0.5) * step - 0.5).coerceIn(0.0, source - 1.0)
                        first[position] = minOf(floor(centre).toInt(), maxOf(source - 2, 0))
                        val share = centre - first[position]
                        if (source == 1) doubleArrayOf(1.0) else doubleArrayOf(1 - share, share)
                    }
                }
            return AxisWeights(first, weights)
        }

        /** Shares of the pixels from `floor(start)` on in the stretch from [start] to [end]. */
        private fun areas(start: Double, end: Double): DoubleArray {
            val from = floor(start).toInt()
            val count = ceil(end).toInt() - from
            return DoubleArray(count) { index ->
                val pixel = from + index
                (minOf(end, pixel + 1.0) - maxOf(start, pixel.toDouble())) / (end - start)
            }
        }
    }
}
