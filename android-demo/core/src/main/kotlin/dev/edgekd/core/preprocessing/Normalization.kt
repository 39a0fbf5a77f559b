package dev.edgekd.core.preprocessing

import dev.edgekd.core.bundle.Axis
import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.bundle.Preprocessing
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.TensorSpec

/** `(scaled - mean) / std` along one axis of an input, in float32 as edgekd computes it. */
internal class Normalization(private val mean: FloatArray, private val std: FloatArray) {
    fun apply(scaled: Float, index: Int): Float = (scaled - mean[index]) / std[index]

    companion object {
        /** For an axis of [count] positions; one mean or one std serves all of them. */
        fun of(preprocessing: Preprocessing, axis: Axis, count: Int): Normalization {
            if (preprocessing.axis != axis) {
                throw Problem(Reason.MODEL, "preprocessing.axis does not fit this kind of input")
            }
            return Normalization(
                spread("mean", preprocessing.mean, count),
                spread("std", preprocessing.std, count),
            )
        }

        private fun spread(name: String, values: List<Double>, count: Int): FloatArray {
            if (values.size != 1 && values.size != count) {
                throw Problem(
                    Reason.MODEL,
                    "preprocessing.$name holds ${values.size} values, not $count",
                )
            }
            return FloatArray(count) { values[if (values.size == 1) 0 else it].toFloat() }
        }
    }
}

/** What a bundle says of its preprocessing; throws [Problem] (`model`) where it says nothing. */
internal fun Bundle.requiredPreprocessing(): Preprocessing =
    preprocessing
        ?: throw Problem(Reason.MODEL, "the bundle $name does not say how its input is prepared")

/** The one input of a bundle; throws [Problem] (`model`) where it has another number. */
internal fun Bundle.singleInput(): TensorSpec =
    inputs.singleOrNull()
        ?: throw Problem(Reason.MODEL, "the bundle $name has ${inputs.size} inputs, not one")
