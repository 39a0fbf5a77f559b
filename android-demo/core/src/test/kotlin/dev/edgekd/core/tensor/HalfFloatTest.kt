package dev.edgekd.core.tensor

import java.util.Random
import kotlin.math.abs
import kotlin.math.pow
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class HalfFloatTest {
    /** By the definition of the format; for what is not NaN. */
    private fun valueOf(bits: Int): Double {
        val sign = if (bits and 0x8000 != 0) -1.0 else 1.0
        val exponent = (bits shr 10) and 31
        val fraction = (bits and 1023) / 1024.0
        return sign *
            when (exponent) {
                0 -> fraction * 2.0.pow(-14)
                31 -> Double.POSITIVE_INFINITY
                else -> (1 + fraction) * 2.0.pow(exponent - 15)
            }
    }

    /** Positive finite halves in their order, and 65,536 in the place of infinity. */
    private val halves = DoubleArray(0x7C01) { if (it == 0x7C00) 65_536.0 else valueOf(it) }

    /** The nearest of all halves by looking for it; ties to even bits. */
    private fun nearest(value: Float): Int {
        val magnitude = abs(value.toDouble())
        val found = halves.binarySearch(magnitude)
        val sign = if (value.toRawBits() < 0) 0x8000 else 0
        if (found >= 0) return sign or found
        val above = -found - 1
        if (above == halves.size) return sign or 0x7C00
        val (down, up) = magnitude - halves[above - 1] to halves[above] - magnitude
        val even = if (above % 2 == 0) above else above - 1
        return sign or
            if (down < up) {
                above - 1
            } else if (up < down) {
                above
            } else {
                even
            }
    }

    private fun bitsOf(value: Float): Int = HalfFloat.fromFloat(value).toInt() and 0xFFFF

    @Test
    fun everyHalfIsItsValueAndComesBack() {
        for (bits in 0..0xFFFF) {
            val value = HalfFloat.toFloat(bits.toShort())
            if (bits and 0x7FFF > 0x7C00) {
                assertTrue(value.isNaN(), "$bits")
            } else {
                assertEquals(valueOf(bits).toFloat().toRawBits(), value.toRawBits(), "$bits")
            }
            assertEquals(bits, bitsOf(value), "$bits")
        }
    }

    @Test
    fun aroundEveryTieTheNearestIsTaken() {
        for (bits in 0 until 0x7C00) {
            val tie = ((halves[bits] + halves[bits + 1]) / 2).toFloat().toRawBits()
            for (near in maxOf(0, tie - 1)..tie + 1) {
                for (value in listOf(Float.fromBits(near), -Float.fromBits(near))) {
                    assertEquals(nearest(value), bitsOf(value), "$value")
                }
            }
        }
    }

    @Test
    fun anyFloatGoesToTheNearest() {
        val random = Random(3)
        repeat(200_000) {
            val value = Float.fromBits(random.nextInt())
            if (value.isNaN()) {
                assertTrue(HalfFloat.toFloat(HalfFloat.fromFloat(value)).isNaN())
            } else {
                assertEquals(nearest(value), bitsOf(value), "$value")
            }
        }
    }

    @Test
    fun theEndsOfTheRange() {
        assertEquals(0x7BFF, bitsOf(65_519.996f))
        assertEquals(0x7C00, bitsOf(65_520f))
        assertEquals(0xFC00, bitsOf(Float.NEGATIVE_INFINITY))
        assertEquals(0x8000, bitsOf(-Float.MIN_VALUE))
        assertEquals(0x7C01, bitsOf(Float.fromBits(0x7F800001)))
    }
}
