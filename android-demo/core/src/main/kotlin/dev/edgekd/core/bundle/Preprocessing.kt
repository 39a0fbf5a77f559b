package dev.edgekd.core.bundle

import java.io.File

/** What [Preprocessing.mean] and [Preprocessing.std] belong to. */
enum class Axis(val label: String) { CHANNEL("channel"), BIN("bin") }

/**
 * `(value * scale - mean) / std`, before any quantization of the input.
 *
 * [mean] and [std] hold one value for all, or one for each channel of an image or bin of audio
 * features. [frontEnd] says how features are computed, [text] how text becomes numbers; at most
 * one of them is there.
 */
class Preprocessing(
    val scale: Double,
    val mean: List<Double>,
    val std: List<Double>,
    val axis: Axis,
    val frontEnd: FrontEnd?,
    val text: TextSettings?,
)

/** Text to token numbers: [tokenizer] is a `tokenizer.json`, [length] the tokens of one input. */
class TextSettings(val tokenizer: File, val length: Int)

/** What the features of [FrontEnd] are. */
enum class FeatureKind(val label: String) { LOG_MEL("log-mel"), MFCC("mfcc") }

/**
 * How features are computed from samples between -1 and 1; `edgekd/data/front_end.py` says it in
 * full.
 *
 * [sampleRate], [lowHz] and [highHz] are in hertz, [seconds] is the length of a clip.
 */
class FrontEnd(
    val kind: FeatureKind,
    val sampleRate: Int,
    val seconds: Double,
    val windowMs: Double,
    val strideMs: Double,
    val melBins: Int,
    val coefficients: Int,
    val lowHz: Double,
    val highHz: Double,
) {
    /** Samples of one clip; these are rounded as Python does it, ties to even. */
    val clipSamples: Int = Math.rint(seconds * sampleRate).toInt()

    /** Samples of one frame. */
    val windowSamples: Int = minOf(Math.rint(windowMs * sampleRate / 1000).toInt(), clipSamples)

    /** Samples from one frame to the next. */
    val strideSamples: Int = Math.rint(strideMs * sampleRate / 1000).toInt()

    /** Frames of one clip; nothing is padded. Needs a stride of one sample at least. */
    val frames: Int get() = 1 + (clipSamples - windowSamples) / strideSamples

    /** Features of one frame. */
    val bins: Int get() = if (kind == FeatureKind.MFCC) coefficients else melBins
}
