package dev.edgekd.demo.engines

import dev.edgekd.core.engine.Engine
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.engine.NamedTensor
import dev.edgekd.core.engine.delegateOf
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Quantization
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.TensorFlowLite
import org.tensorflow.lite.gpu.GpuDelegate
import java.io.Closeable
import java.io.File
import org.tensorflow.lite.Tensor as LitertTensor

private const val XNNPACK = "xnnpack"
private const val CPU = "cpu"
private const val GPU = "gpu"

private val DTYPES =
    mapOf(
        DataType.FLOAT32 to DType.FLOAT32,
        DataType.INT8 to DType.INT8,
        DataType.UINT8 to DType.UINT8,
        DataType.INT16 to DType.INT16,
        DataType.INT32 to DType.INT32,
        DataType.INT64 to DType.INT64,
        DataType.BOOL to DType.BOOL,
    )

/**
 * LiteRT: `.tflite` files. On the GPU a model is loaded and run by one and the same thread.
 *
 * XNNPACK and the GPU take the operators that they know, and LiteRT's own kernels the others, at
 * worst all of them; its Java interface does not tell which.
 */
class LitertEngine : Engine {
    override val name: EngineName = EngineName.LITERT

    override val delegates: List<String> = listOf(XNNPACK, CPU, GPU)

    override val version: String?
        get() = versionOf { TensorFlowLite.runtimeVersion() }

    override fun load(model: File, options: LoadOptions): LoadedModel {
        val delegate = delegateOf(options) ?: XNNPACK
        val bytes = mappedTflite(model)
        val gpu = if (delegate == GPU) gpu() else null
        try {
            return guarded(Reason.MODEL, "LiteRT cannot load ${model.name}") {
                val settings = Interpreter.Options()
                settings.setNumThreads(options.threads)
                settings.setUseXNNPACK(delegate == XNNPACK)
                if (gpu != null) settings.addDelegate(gpu)
                opened(Interpreter(bytes, settings), gpu, delegate)
            }
        } catch (failure: Throwable) {
            gpu?.close()
            throw failure
        }
    }

    private fun gpu(): GpuDelegate =
        guarded(Reason.ENGINE, "LiteRT has no delegate gpu here") { GpuDelegate() }

    private fun opened(interpreter: Interpreter, gpu: Closeable?, delegate: String) =
        try {
            LitertModel(interpreter, gpu, delegate)
        } catch (failure: Throwable) {
            interpreter.close()
            throw failure
        }
}

private class LitertModel(
    private val interpreter: Interpreter,
    private val gpu: Closeable?,
    override val delegate: String,
) : LoadedModel {
    override val inputs: List<TensorSpec> =
        List(interpreter.inputTensorCount) { specOf(interpreter.getInputTensor(it)) }

    private val buffers = InputBuffers(inputs)

    private val arguments = Array<Any>(inputs.size) { buffers.tensors[it].view() }

    // Nothing is asked for: the outputs are read from the interpreter's own tensors.
    private val asked = HashMap<Int, Any>()

    private var invoked = false

    override fun prepare(inputs: List<Tensor>): Unit = buffers.fill(inputs)

    /** Copies the inputs into the interpreter's tensors too: its Java interface has it so. */
    override fun invoke() {
        invoked = false
        guarded(Reason.ENGINE, "the inference failed") {
            interpreter.runForMultipleInputsOutputs(arguments, asked)
        }
        invoked = true
    }

    override fun results(): List<NamedTensor> {
        if (!invoked) throw Problem(Reason.ENGINE, "there was no inference yet")
        return guarded(Reason.ENGINE, "the outputs cannot be read") {
            List(interpreter.outputTensorCount) { index ->
                val output = interpreter.getOutputTensor(index)
                val tensor = Tensor.allocate(dtypeOf(output), output.shape().toList())
                tensor.view().put(output.asReadOnlyBuffer())
                NamedTensor(output.name(), tensor)
            }
        }
    }

    override fun close() {
        interpreter.close()
        gpu?.close()
    }
}

private fun specOf(tensor: LitertTensor): TensorSpec {
    val dtype = dtypeOf(tensor)
    val parameters = tensor.quantizationParams()
    // A scale of 0: not quantized, or not as a whole.
    val quantized = parameters.scale > 0 && dtype !in listOf(DType.FLOAT32, DType.BOOL)
    val quantization =
        if (quantized) Quantization(parameters.scale, parameters.zeroPoint) else null
    return TensorSpec(tensor.name(), dtype, tensor.shape().toList(), null, quantization)
}

private fun dtypeOf(tensor: LitertTensor): DType {
    val type = tensor.dataType()
    return DTYPES[type]
        ?: throw Problem(Reason.MODEL, "${tensor.name()} is of a type that cannot be run: $type")
}
