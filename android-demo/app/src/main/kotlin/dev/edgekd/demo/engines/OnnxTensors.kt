package dev.edgekd.demo.engines

import ai.onnxruntime.NodeInfo
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.TensorInfo
import ai.onnxruntime.TensorInfo.OnnxTensorType
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val LARGEST = Int.MAX_VALUE.toLong()

private val DTYPES =
    mapOf(
        OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT to DType.FLOAT32,
        OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 to DType.FLOAT16,
        OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE to DType.FLOAT64,
        OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 to DType.INT8,
        OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 to DType.UINT8,
        OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 to DType.INT16,
        OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 to DType.INT32,
        OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 to DType.INT64,
        OnnxTensorType.ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL to DType.BOOL,
    )

/** The runtime's tensor over the same memory, which must be direct, for the input [node]. */
internal fun tensorOver(environment: OrtEnvironment, node: NodeInfo, tensor: Tensor): OnnxTensor {
    val shape = LongArray(tensor.shape.size) { tensor.shape[it].toLong() }
    return OnnxTensor.createTensor(environment, tensor.view(), shape, tensorInfo(node).type)
}

/** A copy of the runtime's tensor. Throws [Problem] (`model`): it is of no dtype of ours. */
internal fun copyOf(name: String, value: OnnxTensor): Tensor {
    val shape = value.info.shape.map { it.toInt() }
    val bytes: ByteBuffer = value.byteBuffer
    return Tensor(dtypeOf(name, value.info), shape, bytes.order(ByteOrder.LITTLE_ENDIAN))
}

/** What the file says of an input. Throws [Problem] (`model`): it is no tensor that can be run. */
internal fun specOf(node: NodeInfo): TensorSpec {
    val info = tensorInfo(node)
    // A free dimension is negative: a batch, of which one is run.
    val shape = info.shape.map { if (it < 0) 1 else it.coerceAtMost(LARGEST).toInt() }
    return TensorSpec(node.name, dtypeOf(node.name, info), shape)
}

private fun tensorInfo(node: NodeInfo): TensorInfo =
    node.info as? TensorInfo ?: throw Problem(Reason.MODEL, "the input ${node.name} is no tensor")

private fun dtypeOf(name: String, info: TensorInfo): DType =
    DTYPES[info.onnxType]
        ?: throw Problem(Reason.MODEL, "$name is of a type that cannot be run: ${info.onnxType}")
