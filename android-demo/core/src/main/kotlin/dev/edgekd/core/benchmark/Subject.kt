package dev.edgekd.core.benchmark

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.bundle.BundleReader
import dev.edgekd.core.bundle.Sha256
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.Safetensors
import java.io.File

/** A model, what runs it, and the samples that it is given. */
internal class Subject(
    val engine: EngineName,
    val model: File,
    private val expected: String?,
    private val readSamples: () -> GoldenSamples,
) {
    /**
     * The model file's hash, in hexadecimal.
     *
     * Throws [Problem]: there is no such file (`model`), or it is not the one that was meant
     * (`hash`).
     */
    fun modelSha256(): String {
        if (!model.isFile) throw Problem(Reason.MODEL, "there is no file ${model.path}")
        val found = Sha256.of(model)
        if (expected != null && found != expected) {
            throw Problem(Reason.HASH, "${model.name} has the hash $found, not $expected")
        }
        return found
    }

    /** Throws [Problem] (`inputs`, `storage`, `memory`). */
    fun samples(): GoldenSamples = readSamples()

    companion object {
        /** Throws [Problem]: the bundle is broken. */
        fun of(workload: Workload): Subject =
            when (workload) {
                is Workload.Files -> ofFiles(workload)
                is Workload.BundleFolder -> ofBundle(BundleReader.read(workload.folder))
            }

        private fun ofFiles(files: Workload.Files): Subject =
            Subject(files.engine, files.model, files.sha256) { harnessSamples(files.golden) }

        private fun ofBundle(bundle: Bundle): Subject =
            Subject(bundle.engine, bundle.model, bundle.sha256) { bundleSamples(bundle) }
    }
}

private const val MOST_GOLDEN_BYTES = 64L shl 20

/** `input_0`, `input_1` and so on; the metadata `input_0.shape` is the whole shape. */
private fun harnessSamples(golden: File): GoldenSamples {
    val file = Safetensors.load(golden, MOST_GOLDEN_BYTES)
    val found = file.tensors
    val inputs =
        List(found.size) { index ->
            val name = "input_$index"
            val stored =
                found[name]
                    ?: throw Problem(Reason.INPUTS, "golden samples: no $name in ${found.keys}")
            GoldenInput(name, stored, file.metadata["$name.shape"]?.let { shapeOf(name, it) })
        }
    return GoldenSamples(inputs)
}

private fun shapeOf(name: String, text: String): List<Int> =
    text.split(',').map {
        it.toIntOrNull()?.takeIf { dimension -> dimension > 0 }
            ?: throw Problem(Reason.INPUTS, "golden samples: $name.shape is '$text'")
    }

/** `inputs` of a bundle, brought into the dtype that its model takes. */
private fun bundleSamples(bundle: Bundle): GoldenSamples {
    val golden =
        bundle.golden
            ?: throw Problem(Reason.INPUTS, "the bundle ${bundle.name} has no golden samples")
    val spec =
        bundle.inputs.singleOrNull()
            ?: throw Problem(Reason.INPUTS, "the bundle ${bundle.name} has several inputs")
    val inputs =
        Safetensors.read(golden, MOST_GOLDEN_BYTES)["inputs"]
            ?: throw Problem(Reason.INPUTS, "${golden.name} holds no inputs")
    return GoldenSamples(listOf(GoldenInput("inputs", storedAs(spec, inputs), spec.shape)))
}
