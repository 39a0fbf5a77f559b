package dev.edgekd.core.preprocessing

import dev.edgekd.core.bundle.FeatureKind
import dev.edgekd.core.bundle.FrontEnd
import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.ln
import kotlin.math.sqrt

/**
 * Log mel energies or MFCC of one clip: the steps that `edgekd/data/front_end.py` lays down, in
 * double precision.
 *
 * Throws `Problem` (`model`): a mel filter holds no frequency.
 */
internal class AudioFeatures(private val frontEnd: FrontEnd) {
    private val window = frontEnd.windowSamples
    private val size =
        if (window and (window - 1) == 0) window else Integer.highestOneBit(window) * 2
    private val hann = DoubleArray(window) { 0.5 - 0.5 * cos(2 * PI * it / window) }
    private val transform = FourierTransform(size)
    private val filters = MelFilters(frontEnd, size)
    private val cosines = if (frontEnd.kind == FeatureKind.MFCC) cosineTransform() else null

    /** `[frames, bins]` of `clipSamples` samples between -1 and 1. */
    fun compute(clip: FloatArray): FloatArray {
        val bins = frontEnd.bins
        val features = FloatArray(frontEnd.frames * bins)
        val frame = DoubleArray(window)
        val power = DoubleArray(size / 2 + 1)
        val logMel = DoubleArray(frontEnd.melBins)
        for (t in 0 until frontEnd.frames) {
            val start = t * frontEnd.strideSamples
            for (n in 0 until window) frame[n] = clip[start + n] * hann[n]
            transform.power(frame, power)
            for (m in logMel.indices) logMel[m] = ln(filters.energy(m, power) + LOG_FLOOR)
            for (bin in 0 until bins) {
                val value = if (cosines == null) logMel[bin] else product(cosines[bin], logMel)
                features[t * bins + bin] = value.toFloat()
            }
        }
        return features
    }

    /** Orthonormal DCT-II, one row for each coefficient. */
    private fun cosineTransform(): List<DoubleArray> {
        val melBins = frontEnd.melBins
        return List(frontEnd.coefficients) { order ->
            val factor = sqrt((if (order == 0) 1.0 else 2.0) / melBins)
            DoubleArray(melBins) { cos(PI * order * (it + 0.5) / melBins) * factor }
        }
    }

    private fun product(left: DoubleArray, right: DoubleArray): Double {
        var sum = 0.0
        for (index in left.indices) sum += left[index] * right[index]
        return sum
    }

    private companion object {
        const val LOG_FLOOR = 1e-6
    }
}
