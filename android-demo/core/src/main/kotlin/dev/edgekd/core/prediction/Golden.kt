package dev.edgekd.core.prediction

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Quantizer
import dev.edgekd.core.tensor.Safetensors
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import java.nio.ByteBuffer

/** The golden file of a bundle: inputs in its layout, and what PyTorch says to them. */
internal class Golden private constructor(
    private val spec: TensorSpec,
    private val inputs: Tensor,
    private val outputs: Tensor,
) {
    val samples: Int = inputs.shape.firstOrNull() ?: 0

    init {
        if (samples == 0 || samples != outputs.shape.firstOrNull()) {
            throw Problem(Reason.MODEL, "the golden file holds no samples, or not as many answers")
        }
    }

    /** One sample as the model stores it, batch of one included. */
    fun input(sample: Int): Tensor {
        val part = Tensor(inputs.dtype, spec.shape, part(inputs, sample))
        if (inputs.dtype == spec.dtype) return part
        return Quantizer.quantize(Quantizer.realValues(part, null), spec)
    }

    /** What PyTorch says to a sample, [count] values. */
    fun output(sample: Int, count: Int): FloatArray {
        val values = part(outputs, sample)
        if (values.remaining() != count * outputs.dtype.bytes) {
            throw Problem(Reason.MODEL, "the model gives $count values, the golden file others")
        }
        val answers = Quantizer.realValues(Tensor(outputs.dtype, listOf(count), values), null)
        if (!answers.all { it.isFinite() }) {
            throw Problem(Reason.MODEL, "the golden file holds NaN or infinity")
        }
        return answers
    }

    private fun part(tensor: Tensor, sample: Int): ByteBuffer {
        val view = tensor.view()
        val size = view.remaining() / samples
        view.position(sample * size)
        view.limit((sample + 1) * size)
        return view
    }

    companion object {
        private const val MOST_BYTES = 256L shl 20

        fun of(bundle: Bundle): Golden? {
            val file = bundle.golden ?: return null
            val spec =
                bundle.inputs.singleOrNull()
                    ?: throw Problem(Reason.MODEL, "the self-check takes models of one input")
            val tensors = Safetensors.read(file, MOST_BYTES)
            val inputs = tensors["inputs"]
            val outputs = tensors["outputs"]
            if (inputs == null || outputs == null || outputs.dtype != DType.FLOAT32) {
                throw Problem(Reason.MODEL, "${file.name} holds no inputs, or no float32 outputs")
            }
            return Golden(spec, inputs, outputs)
        }
    }
}
