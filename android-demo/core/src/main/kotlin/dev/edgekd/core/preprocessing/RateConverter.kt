package dev.edgekd.core.preprocessing

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.sin
import kotlin.math.sqrt

/**
 * Sound at another sample rate, in hertz.
 *
 * The sound is thought to be raised to the common multiple of both rates, with zeros between its
 * samples, and passes a low-pass filter at half the lower rate before every so many samples are
 * kept. The filter is a sinc of ten crossings to each side under a Kaiser window of beta 5: the
 * one of `scipy.signal.resample_poly`, by which edgekd converts what a model is trained on.
 *
 * Throws [Problem] (`inputs`): the rates have no ratio of small numbers.
 */
internal class RateConverter(from: Int, to: Int) {
    private val up: Int
    private val down: Int
    private val half: Int
    private val filter: DoubleArray

    init {
        if (from < 1 || to < 1) throw Problem(Reason.INPUTS, "sound at $from Hz")
        var common = from
        var rest = to
        while (rest != 0) rest = (common % rest).also { common = rest }
        up = to / common
        down = from / common
        if (maxOf(up, down) > MOST_RATIO) {
            throw Problem(Reason.INPUTS, "sound at $from Hz cannot be converted to $to Hz")
        }
        half = CROSSINGS * maxOf(up, down)
        filter = lowPass(half, 1.0 / maxOf(up, down))
    }

    /** As many samples as last equally long, rounded up; beyond the ends there is silence. */
    fun convert(sound: FloatArray): FloatArray {
        if (up == down) return sound
        val length = (sound.size.toLong() * up + down - 1) / down
        return FloatArray(length.toInt()) { index ->
            val centre = index.toLong() * down
            val first = maxOf(0L, (centre - half + up - 1) / up).toInt()
            val last = minOf(sound.size - 1L, (centre + half) / up).toInt()
            var sum = 0.0
            for (k in first..last) {
                sum +=
                    sound[k] * filter[(centre - k.toLong() * up + half).toInt()]
            }
            (sum * up).toFloat()
        }
    }

    private companion object {
        const val MOST_RATIO = 1000
        const val CROSSINGS = 10
        const val BETA = 5.0

        /** `2 * half + 1` taps of sum 1 that pass [cutoff] of the highest frequency. */
        fun lowPass(half: Int, cutoff: Double): DoubleArray {
            val taps =
                DoubleArray(2 * half + 1) {
                    val x = (it - half) * cutoff
                    val sinc = if (x == 0.0) 1.0 else sin(PI * x) / (PI * x)
                    val place = abs(it - half).toDouble() / half
                    sinc * bessel(BETA * sqrt(1 - place * place))
                }
            val sum = taps.sum()
            return DoubleArray(taps.size) { taps[it] / sum }
        }

        /** The modified Bessel function of the first kind and order 0, by its power series. */
        fun bessel(x: Double): Double {
            var term = 1.0
            var sum = 1.0
            var order = 1
            while (term > 1e-17 * sum) {
                term *= (x / (2 * order)) * (x / (2 * order))
                sum += term
                order++
            }
            return sum
        }
    }
}
