package dev.edgekd.demo.engines

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec

/** Direct memory for the inputs of a model, which its runtime reads in place. */
internal class InputBuffers(private val specs: List<TensorSpec>) {
    val tensors: List<Tensor> = specs.map { Tensor.allocate(it.dtype, it.shape) }

    /** Copy [inputs] in. Throws [Problem] (`inputs`): another number, dtype or shape. */
    fun fill(inputs: List<Tensor>) {
        if (inputs.size != specs.size) {
            val message = "the model has ${specs.size} inputs, but ${inputs.size} were given"
            throw Problem(Reason.INPUTS, message)
        }
        for ((spec, input) in specs.zip(inputs)) {
            if (input.dtype != spec.dtype || input.shape != spec.shape) {
                val taken = "${spec.dtype.label} ${spec.shape}"
                val given = "${input.dtype.label} ${input.shape}"
                throw Problem(Reason.INPUTS, "the input ${spec.name} takes $taken, not $given")
            }
        }
        for ((buffer, input) in tensors.zip(inputs)) buffer.view().put(input.view())
    }
}
