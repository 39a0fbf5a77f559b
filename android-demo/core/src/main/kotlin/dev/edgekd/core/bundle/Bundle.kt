package dev.edgekd.core.bundle

import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.tensor.Layout
import dev.edgekd.core.tensor.TensorSpec
import java.io.File

/** What a person gives the model. */
enum class Task { IMAGE, SOUND, TEXT, NUMBERS }

/**
 * An exported model with all that is needed to feed it: `bundle.json`, checked by [BundleReader].
 *
 * [precision] and [scheme] say how it is quantized, [rung] which step of the ladder it is.
 * [modelBytes] and [sha256] are those of the file [model]. [labels] are in the order of the first
 * output; a model without [preprocessing] may have none. [golden] is a safetensors file: `inputs`
 * as float32 in the model's layout, and `outputs` of the reference.
 */
class Bundle(
    val name: String,
    val rung: String,
    val engine: EngineName,
    val precision: String,
    val scheme: String,
    val folder: File,
    val model: File,
    val sha256: String,
    val modelBytes: Long,
    val inputs: List<TensorSpec>,
    val outputs: List<TensorSpec>,
    val labels: List<String>,
    val preprocessing: Preprocessing?,
    val golden: File?,
) {
    /** Whether the output is the input again, as where anomalies are sought. */
    val reconstructs: Boolean
        get() =
            labels == ANOMALY_LABELS && inputs.size == 1 && outputs.size == 1 &&
                inputs[0].shape == outputs[0].shape

    /** By what the bundle says of preprocessing and of its input. */
    val task: Task
        get() =
            when {
                preprocessing == null || labels.isEmpty() || reconstructs -> Task.NUMBERS
                preprocessing.frontEnd != null -> Task.SOUND
                preprocessing.text != null -> Task.TEXT
                inputs.size == 1 && channels(inputs[0]) in IMAGE_CHANNELS -> Task.IMAGE
                else -> Task.NUMBERS
            }

    private companion object {
        val ANOMALY_LABELS = listOf("normal", "anomaly")
        val IMAGE_CHANNELS = setOf(1, 3)
    }
}

/** Of an image input; null: the input is no image. */
internal fun channels(spec: TensorSpec): Int? =
    when (spec.layout) {
        Layout.NCHW -> spec.shape[1]
        Layout.NHWC -> spec.shape[3]
        else -> null
    }
