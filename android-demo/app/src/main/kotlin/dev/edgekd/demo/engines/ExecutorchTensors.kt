package dev.edgekd.demo.engines

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Tensor
import java.nio.ByteBuffer
import org.pytorch.executorch.DType as ExecutorchType
import org.pytorch.executorch.Tensor as ExecutorchTensor

private val DTYPES =
    mapOf(
        ExecutorchType.FLOAT to DType.FLOAT32,
        ExecutorchType.HALF to DType.FLOAT16,
        ExecutorchType.DOUBLE to DType.FLOAT64,
        ExecutorchType.INT8 to DType.INT8,
        ExecutorchType.UINT8 to DType.UINT8,
        ExecutorchType.INT32 to DType.INT32,
        ExecutorchType.INT64 to DType.INT64,
    )

/**
 * The runtime's tensor over the same memory, which must be direct.
 *
 * Throws [Problem] (`inputs`): the runtime's Java interface has no such dtype.
 */
internal fun tensorOver(tensor: Tensor): ExecutorchTensor {
    val bytes = tensor.view()
    val shape = LongArray(tensor.shape.size) { tensor.shape[it].toLong() }
    return when (tensor.dtype) {
        DType.FLOAT32 -> ExecutorchTensor.fromBlob(bytes.asFloatBuffer(), shape)
        DType.FLOAT16 -> ExecutorchTensor.fromBlob(bytes.asShortBuffer(), shape)
        DType.FLOAT64 -> ExecutorchTensor.fromBlob(bytes.asDoubleBuffer(), shape)
        DType.INT8 -> ExecutorchTensor.fromBlob(bytes, shape)
        DType.UINT8 -> ExecutorchTensor.fromBlobUnsigned(bytes, shape)
        DType.INT32 -> ExecutorchTensor.fromBlob(bytes.asIntBuffer(), shape)
        DType.INT64 -> ExecutorchTensor.fromBlob(bytes.asLongBuffer(), shape)
        DType.INT16, DType.BOOL -> throw notTaken(tensor.dtype)
    }
}

/** A copy of the runtime's tensor. Throws [Problem] (`model`): it is of no dtype of ours. */
internal fun copyOf(value: ExecutorchTensor): Tensor {
    val type = value.dtype()
    val shape = value.shape().map { it.toInt() }
    val dtype =
        DTYPES[type]
            ?: throw Problem(Reason.MODEL, "the output is of a type that cannot be read: $type")
    val tensor = Tensor.allocate(dtype, shape)
    fill(tensor.view(), value, type)
    return tensor
}

private fun notTaken(dtype: DType): Problem =
    Problem(Reason.INPUTS, "ExecuTorch takes no ${dtype.label} on Android")

private fun fill(to: ByteBuffer, from: ExecutorchTensor, type: ExecutorchType) {
    when (type) {
        ExecutorchType.FLOAT -> to.asFloatBuffer().put(from.dataAsFloatArray)
        ExecutorchType.HALF -> to.asShortBuffer().put(from.dataAsShortArray)
        ExecutorchType.DOUBLE -> to.asDoubleBuffer().put(from.dataAsDoubleArray)
        ExecutorchType.INT32 -> to.asIntBuffer().put(from.dataAsIntArray)
        ExecutorchType.INT64 -> to.asLongBuffer().put(from.dataAsLongArray)
        ExecutorchType.UINT8 -> to.put(from.dataAsUnsignedByteArray)
        else -> to.put(from.dataAsByteArray)
    }
}
