package dev.edgekd.core.bundle

import dev.edgekd.core.json.JsonFields
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Layout
import dev.edgekd.core.tensor.Quantization
import dev.edgekd.core.tensor.Quantizer
import dev.edgekd.core.tensor.TensorSpec

/** Reads `inputs` and `outputs` of `bundle.json`. */
internal object TensorSpecReader {
    private const val MOST_TENSORS = 16
    private const val MOST_DIMENSIONS = 8
    private const val MOST_ELEMENTS = 1L shl 26
    private const val IMAGE_DIMENSIONS = 4
    private const val MOST_NAME = 200

    fun read(fields: JsonFields, key: String): List<TensorSpec> {
        val specs = fields.fieldsList(key, MOST_TENSORS).map { spec(it) }
        return specs.ifEmpty { fields.fail(key, "is empty") }
    }

    private fun spec(fields: JsonFields): TensorSpec {
        val label = fields.text("dtype")
        val dtype = DType.named(label) ?: fields.fail("dtype", "is unknown: $label")
        val shape = shape(fields)
        return TensorSpec(
            name = fields.text("name", MOST_NAME),
            dtype = dtype,
            shape = shape,
            layout = layout(fields, shape),
            quantization = quantization(fields, dtype),
        )
    }

    private fun shape(fields: JsonFields): List<Int> {
        val shape = fields.integers("shape", MOST_DIMENSIONS, 1..MOST_ELEMENTS)
        shape.fold(1L) { elements, dimension ->
            (elements * dimension).also {
                if (it >
                    MOST_ELEMENTS
                ) {
                    fields.fail("shape", "is too large")
                }
            }
        }
        return shape.map { it.toInt() }
    }

    private fun layout(fields: JsonFields, shape: List<Int>): Layout? {
        if (!fields.has("layout")) return null
        val label = fields.text("layout")
        val layout =
            Layout.entries.find { it.name == label }
                ?: fields.fail("layout", "is unknown: $label")
        if (layout != Layout.NC && shape.size != IMAGE_DIMENSIONS) {
            fields.fail("layout", "$label does not fit the shape $shape")
        }
        return layout
    }

    private fun quantization(fields: JsonFields, dtype: DType): Quantization? {
        val given = listOf("scale", "zero_point").filter { fields.has(it) }
        if (given.isEmpty()) return null
        if (given.size == 1) fields.fail(given[0], "stands alone: scale and zero_point go together")
        val range =
            Quantizer.range(dtype) ?: fields.fail("scale", "does not go with ${dtype.label}")
        val scale = fields.real("scale").toFloat()
        if (scale <= 0f || scale.isInfinite()) fields.fail("scale", "is no positive float32")
        return Quantization(scale, fields.integer("zero_point", range))
    }
}
