package dev.edgekd.core.tensor

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
object HalfFloat {
    private const val SIGN = 0x8000
    private const val MAGNITUDE = 0x7FFF
    private const val INFINITY = 0x7C00
    private const val FRACTION = 0x03FF
    private const val FRACTION_BITS = 10
    private const val FLOAT_FRACTION_BITS = 23
    private const val DROPPED_BITS = FLOAT_FRACTION_BITS - FRACTION_BITS
    private const val FLOAT_INFINITY = 0x7F800000
    private const val BIAS_DIFFERENCE = 127 - 15
    private const val SMALLEST = 1f / (1 shl 24)

    /** Exact; a NaN keeps its sign and the fraction bits that there are. */
    fun toFloat(half: Short): Float {
        val bits = half.toInt()
        val sign = (bits and SIGN) shl 16
        val rest = bits and MAGNITUDE
        val magnitude =
            when {
                rest >= INFINITY -> FLOAT_INFINITY or ((rest and FRACTION) shl DROPPED_BITS)
                rest <= FRACTION -> (rest * SMALLEST).toRawBits()
                else -> (rest shl DROPPED_BITS) + (BIAS_DIFFERENCE shl FLOAT_FRACTION_BITS)
            }
        return Float.fromBits(sign or magnitude)
    }

    /** The nearest half, ties to the even one; beyond 65,519.99 infinity. */
    fun fromFloat(value: Float): Short {
        val bits = value.toRawBits()
        val sign = (bits ushr 16) and SIGN
        val rest = bits and Int.MAX_VALUE
        val magnitude =
            when {
                rest > FLOAT_INFINITY -> {
                    notANumber(rest)
                }

                rest < (BIAS_DIFFERENCE + 1) shl FLOAT_FRACTION_BITS -> {
                    subnormal(rest)
                }

                else -> {
                    minOf(
                        INFINITY,
                        rounded(rest, DROPPED_BITS) - (BIAS_DIFFERENCE shl FRACTION_BITS),
                    )
                }
            }
        return (sign or magnitude).toShort()
    }

    /** Never infinity, even where only dropped bits were set. */
    private fun notANumber(rest: Int): Int {
        val fraction = (rest ushr DROPPED_BITS) and FRACTION
        return INFINITY or if (fraction == 0) 1 else fraction
    }

    /** Below 2^-14: a multiple of 2^-24. */
    private fun subnormal(rest: Int): Int {
        val exponent = rest ushr FLOAT_FRACTION_BITS
        val dropped = DROPPED_BITS + BIAS_DIFFERENCE + 1 - exponent
        if (dropped > FLOAT_FRACTION_BITS + 1) return 0
        val implicitOne = 1 shl FLOAT_FRACTION_BITS
        return rounded((rest and (implicitOne - 1)) or implicitOne, dropped)
    }

    /** [bits] without the lowest [dropped], to the nearest, ties to even; a carry goes upwards. */
    private fun rounded(bits: Int, dropped: Int): Int {
        val kept = bits ushr dropped
        val lost = bits and ((1 shl dropped) - 1)
        val half = 1 shl (dropped - 1)
        return if (lost > half || (lost == half && kept and 1 == 1)) kept + 1 else kept
    }
}
