package dev.edgekd.core.preprocessing

import dev.edgekd.core.bundle.FrontEnd
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import kotlin.math.log10
import kotlin.math.pow

/**
 * Triangles over hertz, evenly spaced in mel: step 4 of `edgekd/data/front_end.py`.
 *
 * Throws [Problem] (`model`): a filter lies between two frequencies of the spectrum.
 */
internal class MelFilters(frontEnd: FrontEnd, size: Int) {
    private val first = IntArray(frontEnd.melBins)
    private val heights: List<DoubleArray>

    init {
        val points = points(frontEnd)
        val hertz = frontEnd.sampleRate.toDouble() / size
        heights =
            List(frontEnd.melBins) { filter ->
                val left = points[filter]
                val centre = points[filter + 1]
                val right = points[filter + 2]
                val inside = (0..size / 2).filter { it * hertz > left && it * hertz < right }
                if (inside.isEmpty()) {
                    throw Problem(
                        Reason.MODEL,
                        "mel filter $filter lies between two frequencies of the spectrum",
                    )
                }
                first[filter] = inside.first()
                DoubleArray(inside.size) {
                    val frequency = inside[it] * hertz
                    minOf(
                        (frequency - left) / (centre - left),
                        (right - frequency) / (right - centre),
                    )
                }
            }
    }

    /** Energy in [filter] of a power spectrum. */
    fun energy(filter: Int, power: DoubleArray): Double {
        var sum = 0.0
        val own = heights[filter]
        for (index in own.indices) sum += own[index] * power[first[filter] + index]
        return sum
    }

    private fun points(frontEnd: FrontEnd): DoubleArray {
        val low = mel(frontEnd.lowHz)
        val high = mel(frontEnd.highHz)
        val step = (high - low) / (frontEnd.melBins + 1)
        return DoubleArray(frontEnd.melBins + 2) {
            val point = if (it == frontEnd.melBins + 1) high else low + it * step
            700 * (10.0.pow(point / 2595) - 1)
        }
    }

    private fun mel(hertz: Double): Double = 2595 * log10(1 + hertz / 700)
}
