package dev.edgekd.demo.engines

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtException.OrtErrorCode
import ai.onnxruntime.OrtLoggingLevel
import ai.onnxruntime.OrtSession
import ai.onnxruntime.OrtSession.SessionOptions
import ai.onnxruntime.providers.NNAPIFlags
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
import java.io.File
import java.util.EnumSet

private const val CPU = "cpu"
private const val XNNPACK = "xnnpack"
private const val NNAPI = "nnapi"

/**
 * ONNX Runtime: `.onnx` files.
 *
 * XNNPACK takes the operators that it knows, and ONNX Runtime's own kernels the others; the runtime
 * does not tell which. NNAPI takes all or the model is not loaded.
 */
class OnnxEngine : Engine {
    override val name: EngineName = EngineName.ONNX

    override val delegates: List<String> = listOf(CPU, XNNPACK, NNAPI)

    override val version: String?
        get() = versionOf { environment().version }

    override fun load(model: File, options: LoadOptions): LoadedModel {
        val delegate = delegateOf(options) ?: CPU
        lengthOf(model)
        val what = "ONNX Runtime cannot load ${model.name}"
        return guarded(Reason.MODEL, what) {
            try {
                opened(model, delegate, options.threads)
            } catch (failure: OrtException) {
                val refused = delegate == NNAPI && failure.code == OrtErrorCode.ORT_FAIL
                throw problemOf(failure, if (refused) Reason.ENGINE else Reason.MODEL, what)
            }
        }
    }

    private fun environment(): OrtEnvironment {
        val level = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR
        val environment = OrtEnvironment.getEnvironment(level, "edgekd")
        environment.setTelemetry(false)
        return environment
    }

    private fun configure(settings: SessionOptions, delegate: String, threads: Int) {
        settings.setInterOpNumThreads(1)
        // Without it, int8 sums saturate on x86 processors that have no VNNI, silently.
        settings.addConfigEntry("session.x64quantprecision", "1")
        guarded(Reason.ENGINE, "ONNX Runtime has no delegate $delegate here") {
            when (delegate) {
                // XNNPACK has threads of its own; those of the session would only wait for them.
                XNNPACK -> {
                    settings.setIntraOpNumThreads(1)
                    settings.addConfigEntry("session.intra_op.allow_spinning", "0")
                    settings.addXnnpack(mapOf("intra_op_num_threads" to "$threads"))
                }

                // It takes all operators or fails: what it left to the CPU would go unseen.
                NNAPI -> {
                    settings.setIntraOpNumThreads(threads)
                    settings.addConfigEntry("session.disable_cpu_ep_fallback", "1")
                    settings.addNnapi(EnumSet.of(NNAPIFlags.CPU_DISABLED))
                }

                else -> {
                    settings.setIntraOpNumThreads(threads)
                }
            }
        }
    }

    private fun opened(model: File, delegate: String, threads: Int): OnnxModel {
        val environment = environment()
        val session =
            SessionOptions().use { settings ->
                configure(settings, delegate, threads)
                environment.createSession(model.path, settings)
            }
        try {
            return OnnxModel(environment, session, delegate)
        } catch (failure: Throwable) {
            session.close()
            throw failure
        }
    }
}

private class OnnxModel(
    environment: OrtEnvironment,
    private val session: OrtSession,
    override val delegate: String,
) : LoadedModel {
    override val inputs: List<TensorSpec> = session.inputInfo.values.map { specOf(it) }

    private val buffers = InputBuffers(inputs)

    // They read the buffers in place, so they are made once.
    private val feeds: Map<String, OnnxTensor> =
        session.inputInfo.values
            .zip(buffers.tensors)
            .associate { (node, tensor) -> node.name to tensorOver(environment, node, tensor) }

    private var outputs: OrtSession.Result? = null

    override fun prepare(inputs: List<Tensor>) {
        // Here, where it is not timed.
        release()
        buffers.fill(inputs)
    }

    override fun invoke() {
        release()
        outputs = guarded(Reason.ENGINE, "the inference failed") { session.run(feeds) }
    }

    override fun results(): List<NamedTensor> {
        val found = outputs ?: throw Problem(Reason.ENGINE, "there was no inference yet")
        return guarded(Reason.ENGINE, "the outputs cannot be read") {
            found.map { (name, value) ->
                val tensor =
                    value as? OnnxTensor
                        ?: throw Problem(Reason.MODEL, "the output $name is no tensor")
                NamedTensor(name, copyOf(name, tensor))
            }
        }
    }

    override fun close() {
        release()
        feeds.values.forEach { it.close() }
        session.close()
    }

    private fun release() {
        outputs?.close()
        outputs = null
    }
}
