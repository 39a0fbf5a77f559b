package dev.edgekd.core.preprocessing

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.preprocessing.tokenizer.Encoding
import dev.edgekd.core.preprocessing.tokenizer.TokenizerReader
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec

/**
 * Text as the inputs of a bundle with a tokenizer.
 *
 * An input with `mask` in its name gets 1 for each token and 0 for padding, one with `type` gets
 * zeros, and the one that is left gets the ids. Throws [Problem] (`model`): the tokenizer cannot be
 * read, or does not fit the inputs.
 */
class TextPreprocessing(private val bundle: Bundle) {
    private val settings =
        bundle.preprocessing?.text
            ?: throw Problem(Reason.MODEL, "the bundle ${bundle.name} has no tokenizer")
    private val tokenizer = TokenizerReader.read(settings.tokenizer)

    private enum class Role { IDS, MASK, TYPES }

    init {
        bundle.inputs.forEach(::check)
        val ids = bundle.inputs.filter { role(it) == Role.IDS }
        if (ids.size != 1) {
            val names = bundle.inputs.map { it.name }
            throw Problem(Reason.MODEL, "not exactly one of the inputs $names takes the ids")
        }
    }

    /** The bundle's inputs, in its order; throws [Problem] (`inputs`): the text is too long. */
    fun inputs(text: String): List<Tensor> {
        val encoding = tokenizer.encode(text, settings.length)
        return bundle.inputs.map { tensor(it, encoding) }
    }

    private fun tensor(spec: TensorSpec, encoding: Encoding): Tensor {
        val tensor = Tensor.allocate(spec.dtype, spec.shape)
        val role = role(spec)
        for (index in encoding.ids.indices) {
            val value =
                when (role) {
                    Role.IDS -> encoding.ids[index]
                    Role.MASK -> if (encoding.mask[index]) 1 else 0
                    Role.TYPES -> 0
                }
            if (spec.dtype == DType.INT64) {
                tensor.bytes.putLong(index * Long.SIZE_BYTES, value.toLong())
            } else {
                tensor.bytes.putInt(index * Int.SIZE_BYTES, value)
            }
        }
        return tensor
    }

    private fun role(spec: TensorSpec): Role =
        when {
            spec.name.contains("mask", ignoreCase = true) -> Role.MASK
            spec.name.contains("type", ignoreCase = true) -> Role.TYPES
            else -> Role.IDS
        }

    private fun check(spec: TensorSpec) {
        val whole = spec.dtype == DType.INT64 || spec.dtype == DType.INT32
        if (!whole || spec.shape != listOf(1, settings.length)) {
            throw Problem(
                Reason.MODEL,
                "the input ${spec.name} takes ${spec.dtype.label} ${spec.shape}, " +
                    "not ${settings.length} ids of tokens",
            )
        }
    }
}
