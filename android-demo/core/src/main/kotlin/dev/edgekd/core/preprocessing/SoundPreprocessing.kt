package dev.edgekd.core.preprocessing

import dev.edgekd.core.bundle.Axis
import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.Quantizer
import dev.edgekd.core.tensor.Tensor

/**
 * Sound as the input of a bundle with an audio front end.
 *
 * Throws [Problem] (`model`): the bundle has no front end, or one that does not fit its input.
 */
class SoundPreprocessing(bundle: Bundle) {
    private val spec = bundle.singleInput()
    private val preprocessing = bundle.requiredPreprocessing()
    private val frontEnd =
        preprocessing.frontEnd
            ?: throw Problem(Reason.MODEL, "the bundle ${bundle.name} has no audio front end")
    private val features = AudioFeatures(frontEnd)
    private val normalization = Normalization.of(preprocessing, Axis.BIN, frontEnd.bins)

    init {
        val shape = listOf(frontEnd.frames, frontEnd.bins)
        // The one channel may stand before (NCHW) or behind (NHWC) the others.
        if (spec.shape.filter { it != 1 } != shape.filter { it != 1 }) {
            throw Problem(Reason.MODEL, "the front end gives $shape, the input takes ${spec.shape}")
        }
    }

    /**
     * The bundle's inputs from [samples] between -1 and 1 at [sampleRate] hertz.
     *
     * Longer sound is cut to its loudest stretch; shorter sound is followed by silence, as in
     * `edgekd.data`. Throws [Problem] (`inputs`): there is no sound, a sample is not finite, or
     * its rate cannot be converted.
     */
    fun inputs(samples: FloatArray, sampleRate: Int): List<Tensor> {
        if (samples.isEmpty()) throw Problem(Reason.INPUTS, "there is no sound")
        if (!samples.all { it.isFinite() }) throw Problem(Reason.INPUTS, "a sample is not finite")
        val sound = RateConverter(sampleRate, frontEnd.sampleRate).convert(samples)
        val values = features.compute(loudest(sound, frontEnd.clipSamples))
        val scale = preprocessing.scale.toFloat()
        for (index in values.indices) {
            values[index] = normalization.apply(values[index] * scale, index % frontEnd.bins)
        }
        return listOf(Quantizer.quantize(values, spec))
    }
}
