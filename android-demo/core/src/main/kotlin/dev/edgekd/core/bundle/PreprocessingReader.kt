package dev.edgekd.core.bundle

import dev.edgekd.core.json.JsonFields
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Layout
import dev.edgekd.core.tensor.TensorSpec

/** Reads `preprocessing` of `bundle.json`, and checks it against the inputs that it is for. */
internal class PreprocessingReader(
    private val fields: JsonFields,
    private val inputs: List<TensorSpec>,
    private val files: BundleFiles,
) {
    fun read(): Preprocessing {
        val both = fields.has("front_end") && fields.has("text")
        if (both) fields.fail("text", "does not go with a front_end")
        val frontEnd = if (fields.has("front_end")) checkedFrontEnd() else null
        val text = if (fields.has("text")) textSettings(fields.fields("text")) else null
        val axis = axis()
        val expected = if (text == null) lengthOf(axis) else null
        val scale = fields.real("scale")
        val std = perAxis("std", expected)
        if (scale.toFloat() <= 0f) fields.fail("scale", "is not positive")
        if (scale.toFloat().isInfinite()) fields.fail("scale", "is beyond float32")
        if (std.any { it.toFloat() <= 0f }) fields.fail("std", "is not positive")
        return Preprocessing(scale, perAxis("mean", expected), std, axis, frontEnd, text)
    }

    private fun axis(): Axis {
        if (!fields.has("axis")) return Axis.CHANNEL
        val label = fields.text("axis")
        return Axis.entries.find { it.label == label } ?: fields.fail("axis", "is unknown: $label")
    }

    /** How many channels or bins the first input has. */
    private fun lengthOf(axis: Axis): Int {
        val (shape, layout) = inputs[0].let { it.shape to it.layout }
        if (shape.size < 2) fields.fail("axis", "does not fit an input of shape $shape")
        return when {
            axis == Axis.CHANNEL -> if (layout == Layout.NHWC) shape[3] else shape[1]
            layout == Layout.NHWC -> shape[2]
            else -> shape.last()
        }
    }

    private fun perAxis(key: String, expected: Int?): List<Double> {
        val values = fields.reals(key, MOST_VALUES)
        if (expected != null && values.size != 1 && values.size != expected) {
            fields.fail(key, "holds ${values.size} values for $expected")
        }
        if (values.any { it.toFloat().isInfinite() }) fields.fail(key, "is beyond float32")
        return values
    }

    private fun checkedFrontEnd(): FrontEnd {
        val frontEnd = FrontEndReader.read(fields.fields("front_end"))
        val (frames, bins) = frontEnd.frames to frontEnd.bins
        val shapes = listOf(listOf(1, 1, frames, bins), listOf(1, frames, bins, 1))
        val fits =
            when (inputs[0].layout) {
                Layout.NCHW -> inputs[0].shape == shapes[0]
                Layout.NHWC -> inputs[0].shape == shapes[1]
                else -> false
            }
        if (inputs.size != 1 || !fits) {
            fields.fail("front_end", "gives $frames x $bins, not the input's ${inputs[0].shape}")
        }
        return frontEnd
    }

    private fun textSettings(text: JsonFields): TextSettings {
        val length = text.integer("length", 1..MOST_TOKENS)
        for (input in inputs) {
            val whole = input.dtype == DType.INT64 || input.dtype == DType.INT32
            if (!whole || input.shape != listOf(1, length)) {
                text.fail(
                    "length",
                    "$length does not fit the input ${input.name} of ${input.shape}",
                )
            }
        }
        val tokenizer = files.checked(text, "tokenizer", "tokenizer_sha256", MOST_TOKENIZER_BYTES)
        return TextSettings(tokenizer, length)
    }

    private companion object {
        const val MOST_VALUES = 1 shl 16
        const val MOST_TOKENS = 4096
        const val MOST_TOKENIZER_BYTES = 1L shl 25
    }
}
