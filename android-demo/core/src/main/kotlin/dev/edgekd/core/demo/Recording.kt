package dev.edgekd.core.demo

import dev.edgekd.core.prediction.Sample
import kotlin.math.sqrt

/** Samples of a microphone as they come in, at most [seconds] of them at [sampleRate] in hertz. */
class Recording(private val sampleRate: Int, seconds: Double) {
    private val samples = FloatArray((sampleRate * seconds).toInt())
    private var size = 0

    /** Whether no more is taken. */
    val isFull: Boolean
        get() = size == samples.size

    /** Whether all that came are zeros, as from a microphone that the phone's user switched off. */
    val isSilent: Boolean
        get() = size > 0 && (0 until size).all { samples[it] == 0f }

    /** Take the first [count] of 16-bit [values]; what does not fit is left out. */
    fun add(values: ShortArray, count: Int) {
        val taken = minOf(count, samples.size - size)
        for (index in 0 until taken) samples[size + index] = values[index] / FULL_SCALE
        size += taken
    }

    /**
     * The word in it, between -1 and 1: at most [seconds], without the silence around it.
     *
     * Clips of data sets begin with the word, and so does what the models were trained on; a
     * finger is on the button long before it. Null where nothing was recorded.
     */
    fun word(seconds: Double): Sample.Sound? {
        if (size == 0) return null
        val frame = maxOf(1, (FRAME_SECONDS * sampleRate).toInt())
        val loudness = (0 until size step frame).map { loudness(it, minOf(size, it + frame)) }
        val threshold = loudness.max() * AUDIBLE
        val first = loudness.indexOfFirst { it >= threshold } * frame
        val last = (loudness.indexOfLast { it >= threshold } + 1) * frame
        val begin = maxOf(0, first - (LEAD_SECONDS * sampleRate).toInt())
        val end = minOf(size, last + (TAIL_SECONDS * sampleRate).toInt())
        val most = (seconds * sampleRate).toInt()
        return Sample.Sound(samples.copyOfRange(begin, minOf(end, begin + most)), sampleRate)
    }

    private fun loudness(begin: Int, end: Int): Double {
        var sum = 0.0
        for (index in begin until end) sum += samples[index].toDouble() * samples[index]
        return sqrt(sum / (end - begin))
    }

    private companion object {
        const val FULL_SCALE = 32768f
        const val FRAME_SECONDS = 0.01
        const val LEAD_SECONDS = 0.05
        const val TAIL_SECONDS = 0.1

        /** Of the loudest: what is fainter is no part of the word. */
        const val AUDIBLE = 0.1
    }
}
