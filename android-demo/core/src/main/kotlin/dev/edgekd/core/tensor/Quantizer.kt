package dev.edgekd.core.tensor

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.nio.ByteBuffer
import kotlin.math.abs
import kotlin.math.sign
import kotlin.math.truncate

/** Between real values and what a model stores, in float32 as the Python package does it. */
object Quantizer {
    /** The stored type's range, where a scale may go with it. */
    fun range(dtype: DType): IntRange? =
        when (dtype) {
            DType.INT8 -> Byte.MIN_VALUE..Byte.MAX_VALUE
            DType.UINT8 -> 0..255
            DType.INT16 -> Short.MIN_VALUE..Short.MAX_VALUE
            DType.INT32 -> Int.MIN_VALUE..Int.MAX_VALUE
            else -> null
        }

    /**
     * `clip(round(value / scale) + zeroPoint)`, ties away from zero, where [spec] has a scale;
     * otherwise the values as float32, float16 (ties to even) or float64.
     *
     * Throws [Problem] (`inputs`): a value is NaN or infinite, there are not as many as the shape
     * says, or the input takes integers without a scale.
     */
    fun quantize(values: FloatArray, spec: TensorSpec): Tensor {
        if (!values.all { it.isFinite() }) refuse(spec, "is given a value that is NaN or infinite")
        if (Tensor.byteSize(spec.dtype, spec.shape) != values.size.toLong() * spec.dtype.bytes) {
            refuse(spec, "takes the shape ${spec.shape}, not ${values.size} values")
        }
        val stored = Tensor.allocate(spec.dtype, spec.shape)
        val quantization = spec.quantization
        val range = range(spec.dtype)
        if (quantization == null || range == null) {
            values.forEachIndexed { index, value -> putReal(stored.bytes, spec, index, value) }
        } else {
            values.forEachIndexed { index, value ->
                putInteger(stored.bytes, spec.dtype, index, nearest(value, quantization, range))
            }
        }
        return stored
    }

    /**
     * As float32: `scale * (stored - zeroPoint)` with [q], otherwise the stored numbers themselves.
     *
     * Throws [Problem] (`inputs`): [q] is given for a type that holds no integers.
     */
    fun realValues(tensor: Tensor, q: Quantization?): FloatArray {
        val count = tensor.bytes.remaining() / tensor.dtype.bytes
        if (q == null) return FloatArray(count) { real(tensor.bytes, tensor.dtype, it) }
        if (range(tensor.dtype) == null) {
            throw Problem(Reason.INPUTS, "${tensor.dtype.label} goes with no scale")
        }
        return FloatArray(count) {
            q.scale * (integer(tensor.bytes, tensor.dtype, it) - q.zeroPoint).toFloat()
        }
    }

    private fun nearest(value: Float, quantization: Quantization, range: IntRange): Int {
        val scaled = value / quantization.scale
        // truncate(x + 0.5) in float32 would turn 0.49999997 into 1: the fraction decides instead.
        val whole = truncate(scaled)
        val rounded = if (abs(scaled - whole) >= 0.5f) whole + sign(scaled) else whole
        val shifted = rounded.toDouble() + quantization.zeroPoint
        return shifted.coerceIn(range.first.toDouble(), range.last.toDouble()).toInt()
    }

    private fun putInteger(bytes: ByteBuffer, dtype: DType, index: Int, value: Int) {
        when (dtype.bytes) {
            1 -> bytes.put(index, value.toByte())
            2 -> bytes.putShort(index * 2, value.toShort())
            else -> bytes.putInt(index * 4, value)
        }
    }

    private fun putReal(bytes: ByteBuffer, spec: TensorSpec, index: Int, value: Float) {
        when (spec.dtype) {
            DType.FLOAT16 -> bytes.putShort(index * 2, HalfFloat.fromFloat(value))
            DType.FLOAT32 -> bytes.putFloat(index * 4, value)
            DType.FLOAT64 -> bytes.putDouble(index * 8, value.toDouble())
            else -> refuse(spec, "takes ${spec.dtype.label} without a scale, not real values")
        }
    }

    private fun integer(bytes: ByteBuffer, dtype: DType, index: Int): Long =
        when (dtype) {
            DType.INT8 -> bytes.get(index).toLong()
            DType.INT16 -> bytes.getShort(index * 2).toLong()
            DType.INT32 -> bytes.getInt(index * 4).toLong()
            DType.INT64 -> bytes.getLong(index * 8)
            else -> bytes.get(index).toLong() and 0xFF
        }

    private fun real(bytes: ByteBuffer, dtype: DType, index: Int): Float =
        when (dtype) {
            DType.FLOAT16 -> HalfFloat.toFloat(bytes.getShort(index * 2))
            DType.FLOAT32 -> bytes.getFloat(index * 4)
            DType.FLOAT64 -> bytes.getDouble(index * 8).toFloat()
            else -> integer(bytes, dtype, index).toFloat()
        }

    private fun refuse(spec: TensorSpec, what: String): Nothing =
        throw Problem(Reason.INPUTS, "the input ${spec.name} $what")
}
