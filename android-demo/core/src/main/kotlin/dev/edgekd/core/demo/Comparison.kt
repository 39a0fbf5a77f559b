package dev.edgekd.core.demo

import kotlin.math.round

/** How two quantities compare, as a person says it. */
sealed interface Ratio {
    /** Less than a twentieth apart. */
    object Same : Ratio

    /** The second is [factor] times smaller, or faster, than the first: above one. */
    data class Less(val factor: Double) : Ratio

    /** The second is [factor] times larger, or slower, than the first: above one. */
    data class More(val factor: Double) : Ratio

    companion object {
        private const val NOTICEABLE = 1.05

        /** Of two positive quantities. */
        fun of(first: Double, second: Double): Ratio =
            when {
                first / second >= NOTICEABLE -> Less(first / second)
                second / first >= NOTICEABLE -> More(second / first)
                else -> Same
            }
    }
}

/** One decimal below ten, none above: 1.4, 9.6, 37. */
fun roundedFactor(factor: Double): Double =
    if (factor < 10) round(factor * 10) / 10 else round(factor)

/** What is compared of one model. */
class Measured(val modelBytes: Long, val medianMilliseconds: Double, val answer: String)

/**
 * What distillation bought: the smaller model against the larger one.
 *
 * [size] and [time] are of the smaller against the larger file. [sameAnswer] is that of this input.
 */
data class Comparison(val size: Ratio, val time: Ratio, val sameAnswer: Boolean) {
    companion object {
        /** Null where a time or size is not positive: there is nothing to divide by. */
        fun of(one: Measured, other: Measured): Comparison? {
            val measured = listOf(one, other).sortedByDescending { it.modelBytes }
            val (large, small) = measured
            if (measured.any { it.medianMilliseconds <= 0 || it.modelBytes <= 0 }) return null
            return Comparison(
                size = Ratio.of(large.modelBytes.toDouble(), small.modelBytes.toDouble()),
                time = Ratio.of(large.medianMilliseconds, small.medianMilliseconds),
                sameAnswer = one.answer == other.answer,
            )
        }
    }
}
