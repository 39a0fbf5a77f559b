package dev.edgekd.core.prediction

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.bundle.Task
import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.preprocessing.ImagePreprocessing
import dev.edgekd.core.preprocessing.Picture
import dev.edgekd.core.preprocessing.SoundPreprocessing
import dev.edgekd.core.preprocessing.TextPreprocessing
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.Quantizer
import dev.edgekd.core.tensor.Tensor
import java.io.Closeable
import kotlin.math.abs

/**
 * Asks the model of a bundle; used by one thread at a time.
 *
 * A bundle of edgekd gives logits, which become probabilities here. Closing this closes [model].
 */
class Predictor(val bundle: Bundle, private val model: LoadedModel) : Closeable {
    private val images by lazy(LazyThreadSafetyMode.NONE) { ImagePreprocessing(bundle) }
    private val sounds by lazy(LazyThreadSafetyMode.NONE) { SoundPreprocessing(bundle) }
    private val texts by lazy(LazyThreadSafetyMode.NONE) { TextPreprocessing(bundle) }

    /**
     * What the model says of a sample.
     *
     * Throws [Problem]: the bundle takes another kind of sample (`request`), the sample or the
     * bundle is wrong (`inputs`, `model`), there is not enough memory (`memory`), or the runtime
     * fails or gives NaN (`engine`).
     */
    fun predict(sample: Sample): Answer =
        withinMemory {
            model.prepare(inputs(sample))
            val start = System.nanoTime()
            model.invoke()
            val nanoseconds = System.nanoTime() - start
            Answer(ranked(outputs()), nanoseconds / 1e6)
        }

    /**
     * Run the bundle's golden inputs; null where it has none.
     *
     * Throws [Problem]: as [predict], or the golden file does not fit the model (`model`).
     */
    fun selfCheck(): SelfCheck? =
        withinMemory {
            Golden.of(bundle)?.let { check(it) }
        }

    override fun close() {
        model.close()
    }

    private fun inputs(sample: Sample): List<Tensor> {
        val task =
            when (sample) {
                is Sample.Image -> Task.IMAGE
                is Sample.Sound -> Task.SOUND
                is Sample.Text -> Task.TEXT
            }
        if (bundle.task != task) {
            val taken = bundle.task.name.lowercase()
            val more = if (bundle.task == Task.NUMBERS) ": it can only be measured" else ""
            throw Problem(
                Reason.REQUEST,
                "${bundle.name} takes $taken, not ${task.name.lowercase()}$more",
            )
        }
        return when (sample) {
            is Sample.Image -> images.inputs(Picture(sample.width, sample.height, sample.argb))
            is Sample.Sound -> sounds.inputs(sample.samples, sample.sampleRate)
            is Sample.Text -> texts.inputs(sample.text)
        }
    }

    private fun check(golden: Golden): SelfCheck {
        var maxAbs = 0.0
        var sameTop = 0
        for (sample in 0 until golden.samples) {
            model.prepare(listOf(golden.input(sample)))
            model.invoke()
            val given = outputs()
            val expected = golden.output(sample, given.size)
            for (index in given.indices) {
                maxAbs = maxOf(maxAbs, abs(given[index].toDouble() - expected[index]))
            }
            if (top(given) == top(expected)) sameTop++
        }
        return SelfCheck(golden.samples, maxAbs, sameTop)
    }

    private inline fun <T> withinMemory(action: () -> T): T =
        try {
            action()
        } catch (error: OutOfMemoryError) {
            throw Problem(Reason.MEMORY, "there is not enough memory for ${bundle.name}", error)
        }

    private fun outputs(): FloatArray {
        val results = model.results()
        if (results.size != 1) {
            throw Problem(Reason.MODEL, "${bundle.name} gives ${results.size} outputs, not one")
        }
        val values = Quantizer.realValues(results[0].tensor, bundle.outputs[0].quantization)
        if (values.isEmpty() || !values.all { it.isFinite() }) {
            throw Problem(Reason.ENGINE, "${bundle.name} gave an output that is NaN or infinite")
        }
        return values
    }

    private fun ranked(logits: FloatArray): List<Prediction> {
        if (logits.size != bundle.labels.size) {
            throw Problem(
                Reason.MODEL,
                "${bundle.name} gives ${logits.size} values for ${bundle.labels.size} labels",
            )
        }
        val probabilities = softmax(logits)
        return bundle.labels
            .mapIndexed { index, label -> Prediction(label, probabilities[index]) }
            .sortedByDescending { it.probability }
    }
}
