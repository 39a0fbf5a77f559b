package dev.edgekd.core.benchmark

import kotlin.math.floor

/**
 * Percentiles in milliseconds of single inferences.
 *
 * A percentile is given only with ten samples or more beyond it: p90 from 100 samples on, p99 from
 * 1,000 on.
 */
class Percentiles private constructor(val p50: Double, val p90: Double?, val p99: Double?) {
    companion object {
        private const val FEWEST_FOR_P90 = 100
        private const val FEWEST_FOR_P99 = 1000

        /** Of [samples] in any order, at least one. */
        fun of(samples: DoubleArray): Percentiles {
            val sorted = samples.sortedArray()
            return Percentiles(
                p50 = percentile(sorted, 0.5),
                p90 = if (sorted.size < FEWEST_FOR_P90) null else percentile(sorted, 0.9),
                p99 = if (sorted.size < FEWEST_FOR_P99) null else percentile(sorted, 0.99),
            )
        }

        /** Linear between the two nearest, rounded as `numpy.percentile` rounds. */
        private fun percentile(sorted: DoubleArray, share: Double): Double {
            val position = (sorted.size - 1) * share
            val below = floor(position).toInt()
            val low = sorted[below]
            val high = sorted[minOf(below + 1, sorted.size - 1)]
            val weight = position - below
            val step = high - low
            return if (weight < 0.5) low + step * weight else high - step * (1 - weight)
        }
    }
}
