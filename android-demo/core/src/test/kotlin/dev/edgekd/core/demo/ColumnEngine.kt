package dev.edgekd.core.demo

import dev.edgekd.core.bundle.SmallBundle
import dev.edgekd.core.bundle.sha256
import dev.edgekd.core.engine.Engine
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.engine.NamedTensor
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import java.io.File

/**
 * A runtime for pictures of 4 x 4: whether there is more light left, in the middle or right.
 *
 * The first word of a model's file is `columns`; with `fails` as the second one it breaks when it
 * is asked.
 */
internal class ColumnEngine : Engine {
    override val name: EngineName = EngineName.ONNX
    override val version: String? = null
    override val delegates: List<String> = listOf("plain")

    /** How many models are loaded and not closed. */
    var open: Int = 0
        private set

    override fun load(model: File, options: LoadOptions): LoadedModel {
        val words = model.readText().split(' ')
        if (words[0] != "columns") throw Problem(Reason.MODEL, "no model of columns")
        open += 1
        return Model(words.getOrNull(1) == "fails")
    }

    private inner class Model(private val fails: Boolean) : LoadedModel {
        override val delegate: String = "plain"
        override val inputs: List<TensorSpec>? = null
        private val light = FloatArray(3)
        private var picture: Tensor? = null

        override fun prepare(inputs: List<Tensor>) {
            picture = inputs.single()
        }

        override fun invoke() {
            check(!fails) { "the runtime said no" }
            val values = checkNotNull(picture).view().asFloatBuffer()
            light.fill(0f)
            for (pixel in 0 until 16) light[(pixel % 4 + 1) / 2] += values.get(pixel)
        }

        override fun results(): List<NamedTensor> {
            val output = Tensor.allocate(DType.FLOAT32, listOf(1, 3))
            output.view().asFloatBuffer().put(light)
            return listOf(NamedTensor("light", output))
        }

        override fun close() {
            open -= 1
        }
    }
}

/** A whole bundle of a [model] for [ColumnEngine], with labels left, middle and right. */
internal fun columnBundle(folder: File, model: String = "columns"): File {
    val small = SmallBundle(folder)
    small.members["sha256"] = "\"${sha256(model.toByteArray())}\""
    small.members["bytes"] = "${model.length}"
    small.members["labels"] = """["left", "middle", "right"]"""
    small.members["outputs"] =
        """[{"name": "y", "shape": [1, 3], "layout": "NC", "dtype": "float32"}]"""
    small.write()
    File(folder, "model.onnx").writeText(model)
    return folder
}
