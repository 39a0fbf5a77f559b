package dev.edgekd.core.engine

import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import java.io.Closeable
import java.io.File

/** The runtimes, with their names in intents, bundles (`format`) and results (`engine`). */
enum class EngineName(val label: String, val format: String) {
    LITERT("litert", "tflite"),
    EXECUTORCH("executorch", "executorch"),
    ONNX("onnx", "onnx"),
    ;

    companion object {
        fun named(label: String): EngineName? = entries.find { it.label == label }

        fun ofFormat(format: String): EngineName? = entries.find { it.format == format }
    }
}

/**
 * How a model is to be run.
 *
 * [threads] are those of one inference. [delegate] is one of [Engine.delegates]; null: the
 * engine's own choice, which is the first of them.
 */
data class LoadOptions(val threads: Int, val delegate: String? = null) {
    companion object {
        /** How many threads can be asked for. */
        val THREADS: IntRange = 1..64
    }
}

/** A runtime. It holds no state: each model that it loads is closed by itself. */
interface Engine {
    val name: EngineName

    /** Of the runtime, where it tells; asked before the first load. */
    val version: String?

    /** What may be asked for in [LoadOptions.delegate], the default first; none: no choice. */
    val delegates: List<String>

    /**
     * Map or read a model.
     *
     * Throws [dev.edgekd.core.problem.Problem]: it is no model of this runtime (`model`), or the
     * options do not fit it (`request`).
     */
    fun load(model: File, options: LoadOptions): LoadedModel
}

/** A model in memory, used by one thread at a time. */
interface LoadedModel : Closeable {
    /** What took the operators, as far as the runtime tells. */
    val delegate: String?

    /** What the file says of its inputs; null where this runtime does not tell. */
    val inputs: List<TensorSpec>?

    /** Bring inputs, batch of one included, into the runtime's own memory. Not timed. */
    fun prepare(inputs: List<Tensor>)

    /** One inference: this, and nothing else, is timed. */
    fun invoke()

    /** The outputs of the last inference. Not timed. */
    fun results(): List<NamedTensor>
}

/** An output; [name] is the file's, or `output_0` and so on where the runtime does not tell. */
class NamedTensor(val name: String, val tensor: Tensor)
