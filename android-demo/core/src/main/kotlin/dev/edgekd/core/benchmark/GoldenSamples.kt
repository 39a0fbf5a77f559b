package dev.edgekd.core.benchmark

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Quantizer
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import java.nio.ByteBuffer

/** One input for all samples: [stored] is `[samples, *shape]`. */
internal class GoldenInput(
    val name: String,
    val stored: Tensor,
    /** The input's whole shape, batch included, where the file of samples says it. */
    private val declared: List<Int>?,
) {
    val samples: Int = stored.shape.firstOrNull() ?: throw wrong("is a single number")
    private val sampleShape = stored.shape.drop(1)

    init {
        if (samples < 1 || !stored.bytes.hasRemaining()) throw wrong("holds no samples")
        if (!isFinite(stored)) throw wrong("holds NaN or infinity")
        if (declared != null && declared != sampleShape && declared != listOf(1) + sampleShape) {
            throw wrong("holds samples of shape $sampleShape, and is said to be of $declared")
        }
    }

    /**
     * Views of the samples one by one, in the shape that the model takes.
     *
     * Throws [Problem] (`inputs`) where they do not fit [spec], which is what the engine says of
     * this input; null: it does not tell.
     */
    fun views(spec: TensorSpec?): List<Tensor> {
        val shape =
            declared ?: if (spec?.shape == sampleShape) sampleShape else listOf(1) + sampleShape
        if (spec != null && !fits(shape, spec)) {
            throw wrong(
                "holds ${stored.dtype.label} $shape, and the model's input ${spec.name} takes " +
                    "${spec.dtype.label} ${spec.shape}",
            )
        }
        val bytes = Tensor.byteSize(stored.dtype, shape).toInt()
        return List(samples) { Tensor(stored.dtype, shape, slice(it * bytes, bytes)) }
    }

    private fun fits(shape: List<Int>, spec: TensorSpec): Boolean {
        val pairs = shape.zip(spec.shape)
        // A dimension that the model leaves open is -1 or 0.
        val sameShape = shape.size == spec.shape.size && pairs.all { (a, b) -> a == b || b < 1 }
        return sameShape && stored.dtype == spec.dtype
    }

    private fun slice(start: Int, size: Int): ByteBuffer =
        stored.view().apply {
            position(start)
            limit(start + size)
        }

    private fun wrong(why: String): Problem = Problem(Reason.INPUTS, "golden samples: $name $why")

    private companion object {
        fun isFinite(tensor: Tensor): Boolean {
            val values = tensor.view()
            val count = values.remaining() / tensor.dtype.bytes
            return (0 until count).all { isFinite(values, tensor.dtype, it) }
        }

        private fun isFinite(values: ByteBuffer, dtype: DType, index: Int): Boolean =
            when (dtype) {
                DType.FLOAT32 -> values.getFloat(index * 4).isFinite()
                DType.FLOAT64 -> values.getDouble(index * 8).isFinite()
                DType.FLOAT16 -> isFiniteHalf(values.getShort(index * 2).toInt())
                else -> true
            }

        /** All bits of the exponent are set in NaN and infinity. */
        private fun isFiniteHalf(bits: Int): Boolean = bits and 0x7C00 != 0x7C00
    }
}

/** The samples that a pass goes round; all inputs hold equally many. */
internal class GoldenSamples(private val inputs: List<GoldenInput>) {
    init {
        if (inputs.map { it.samples }.distinct().size != 1) {
            val counts = inputs.map { it.samples }
            throw Problem(Reason.INPUTS, "golden samples: the inputs hold $counts samples")
        }
    }

    /**
     * For each sample the model's inputs, ready for [dev.edgekd.core.engine.LoadedModel.prepare].
     *
     * Throws [Problem] (`inputs`) where they do not fit [specs], which is what the engine says.
     */
    fun rows(specs: List<TensorSpec>?): List<List<Tensor>> {
        if (specs != null && specs.size != inputs.size) {
            throw Problem(
                Reason.INPUTS,
                "golden samples are of ${inputs.size} inputs, and the model takes ${specs.size}",
            )
        }
        val columns = inputs.mapIndexed { index, input -> input.views(specs?.get(index)) }
        return List(inputs[0].samples) { sample -> columns.map { it[sample] } }
    }
}

/** `[samples, *shape]` in the dtype that the input takes: as it is, or quantized. */
internal fun storedAs(spec: TensorSpec, samples: Tensor): Tensor {
    if (samples.dtype == spec.dtype) return samples
    val count = samples.shape.firstOrNull() ?: 0
    val whole = spec.copy(shape = listOf(count) + samples.shape.drop(1))
    return Quantizer.quantize(Quantizer.realValues(samples, null), whole)
}
