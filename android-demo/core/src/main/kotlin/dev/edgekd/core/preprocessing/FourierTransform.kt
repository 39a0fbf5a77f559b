package dev.edgekd.core.preprocessing

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sin

/** Power spectra of real frames by the radix-2 fast Fourier transform; [size] is a power of two. */
internal class FourierTransform(private val size: Int) {
    private val cosines = DoubleArray(size / 2) { cos(2 * PI * it / size) }
    private val sines = DoubleArray(size / 2) { -sin(2 * PI * it / size) }
    private val real = DoubleArray(size)
    private val imaginary = DoubleArray(size)

    /** `|DFT(frame)[k]| ** 2` for `k` from 0 to `size / 2`; the frame is padded at its end. */
    fun power(frame: DoubleArray, into: DoubleArray) {
        frame.copyInto(real)
        real.fill(0.0, frame.size)
        imaginary.fill(0.0)
        reorder()
        var half = 1
        while (half < size) {
            for (start in 0 until size step 2 * half) butterflies(start, half)
            half *= 2
        }
        for (k in 0..size / 2) into[k] = real[k] * real[k] + imaginary[k] * imaginary[k]
    }

    /** Swap each value with the one whose index has its bits in reverse. */
    private fun reorder() {
        var mirrored = 0
        for (index in 1 until size) {
            var bit = size shr 1
            while (mirrored and bit != 0) {
                mirrored = mirrored xor bit
                bit = bit shr 1
            }
            mirrored = mirrored xor bit
            if (index < mirrored) real[index] = real[mirrored].also { real[mirrored] = real[index] }
        }
    }

    private fun butterflies(start: Int, half: Int) {
        val step = size / (2 * half)
        for (offset in 0 until half) {
            val upper = start + offset
            val lower = upper + half
            val c = cosines[offset * step]
            val s = sines[offset * step]
            val r = real[lower] * c - imaginary[lower] * s
            val i = real[lower] * s + imaginary[lower] * c
            real[lower] = real[upper] - r
            imaginary[lower] = imaginary[upper] - i
            real[upper] += r
            imaginary[upper] += i
        }
    }
}
