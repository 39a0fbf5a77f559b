package dev.edgekd.core.prediction

import kotlin.math.exp

/** Probabilities that sum to 1; [logits] are finite. */
internal fun softmax(logits: FloatArray): DoubleArray {
    val most = logits.max().toDouble()
    val powers = DoubleArray(logits.size) { exp(logits[it] - most) }
    val sum = powers.sum()
    return DoubleArray(powers.size) { powers[it] / sum }
}

/** Where the largest value stands, the first of equals. */
internal fun top(values: FloatArray): Int = values.indices.maxByOrNull { values[it] } ?: -1
