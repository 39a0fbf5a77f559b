package dev.edgekd.demo.engines

import dev.edgekd.core.engine.Engine
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.engine.NamedTensor
import dev.edgekd.core.engine.delegateOf
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import org.pytorch.executorch.EValue
import org.pytorch.executorch.ExecutorchRuntimeException
import org.pytorch.executorch.Module
import java.io.File

private const val METHOD = "forward"
private const val FAILED = "the inference failed"

// How a method refuses inputs of another number, shape or dtype.
private val REFUSED_INPUTS =
    setOf(
        ExecutorchRuntimeException.INVALID_ARGUMENT,
        ExecutorchRuntimeException.INVALID_TYPE,
        ExecutorchRuntimeException.NOT_SUPPORTED,
    )

/** ExecuTorch: `.pte` files. What runs their operators was decided at export. */
class ExecutorchEngine : Engine {
    override val name: EngineName = EngineName.EXECUTORCH

    override val version: String? = null

    override val delegates: List<String> = emptyList()

    override fun load(model: File, options: LoadOptions): LoadedModel {
        delegateOf(options)
        checkExecutorch(model)
        return guarded(Reason.MODEL, "ExecuTorch cannot load ${model.name}") {
            val module = Module.load(model.path, Module.LOAD_MODE_MMAP, options.threads)
            try {
                module.loadMethod(METHOD)
                ExecutorchModel(module)
            } catch (failure: Throwable) {
                module.destroy()
                throw failure
            }
        }
    }
}

private class ExecutorchModel(private val module: Module) : LoadedModel {
    override val delegate: String? =
        module
            .getMethodMetadata(METHOD)
            .backends
            .distinct()
            .joinToString()
            .ifEmpty { null }

    /** The runtime's Java interface does not tell. */
    override val inputs: List<TensorSpec>? = null

    private var buffers = InputBuffers(emptyList())
    private var arguments = emptyArray<EValue>()
    private var outputs: Array<EValue>? = null

    override fun prepare(inputs: List<Tensor>) {
        if (inputs.isEmpty()) throw Problem(Reason.INPUTS, "there are no inputs")
        val known = buffers.tensors.map { it.dtype to it.shape }
        if (inputs.map { it.dtype to it.shape } != known) allocate(inputs)
        buffers.fill(inputs)
    }

    override fun invoke() {
        outputs = null
        outputs =
            guarded(Reason.ENGINE, FAILED) {
                try {
                    module.forward(*arguments)
                } catch (failure: ExecutorchRuntimeException) {
                    val inputs = failure.errorCode in REFUSED_INPUTS
                    throw problemOf(failure, if (inputs) Reason.INPUTS else Reason.ENGINE, FAILED)
                }
            }
    }

    override fun results(): List<NamedTensor> {
        val found = outputs ?: throw Problem(Reason.ENGINE, "there was no inference yet")
        return found.mapIndexed { index, value ->
            val name = "output_$index"
            if (!value.isTensor) throw Problem(Reason.MODEL, "$name is no tensor")
            NamedTensor(name, guarded(Reason.ENGINE, name) { copyOf(value.toTensor()) })
        }
    }

    override fun close() {
        outputs = null
        module.destroy()
    }

    private fun allocate(inputs: List<Tensor>) {
        val specs =
            inputs.mapIndexed { index, input ->
                TensorSpec("input_$index", input.dtype, input.shape)
            }
        buffers = InputBuffers(specs)
        arguments = Array(specs.size) { EValue.from(tensorOver(buffers.tensors[it])) }
    }
}
