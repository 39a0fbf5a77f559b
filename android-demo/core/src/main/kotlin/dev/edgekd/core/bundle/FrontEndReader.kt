package dev.edgekd.core.bundle

import dev.edgekd.core.json.JsonFields

/** Reads `front_end` of `bundle.json`, within the bounds that the recipe has. */
internal object FrontEndReader {
    private val SAMPLE_RATES = 1_000..192_000
    private val BINS = 1..512
    private const val MOST_SECONDS = 60.0
    private const val MOST_MILLISECONDS = 1_000.0
    private const val MOST_CLIP_VALUES = 1L shl 26

    fun read(fields: JsonFields): FrontEnd {
        val label = fields.text("kind")
        val frontEnd =
            FrontEnd(
                kind =
                    FeatureKind.entries.find { it.label == label }
                        ?: fields.fail("kind", "is unknown: $label"),
                sampleRate = fields.integer("sample_rate", SAMPLE_RATES),
                seconds = positive(fields, "seconds", MOST_SECONDS),
                windowMs = positive(fields, "window_ms", MOST_MILLISECONDS),
                strideMs = positive(fields, "stride_ms", MOST_MILLISECONDS),
                melBins = fields.integer("mel_bins", BINS),
                coefficients = fields.integer("coefficients", BINS),
                lowHz = fields.real("low_hz"),
                highHz = fields.real("high_hz"),
            )
        check(fields, frontEnd)
        return frontEnd
    }

    private fun positive(fields: JsonFields, key: String, most: Double): Double {
        val value = fields.real(key)
        return if (value > 0 &&
            value <= most
        ) {
            value
        } else {
            fields.fail(key, "is not above 0 up to $most")
        }
    }

    private fun check(fields: JsonFields, frontEnd: FrontEnd) {
        val half = frontEnd.sampleRate / 2.0
        if (frontEnd.lowHz < 0) fields.fail("low_hz", "is negative")
        if (frontEnd.highHz <= frontEnd.lowHz || frontEnd.highHz > half) {
            fields.fail("high_hz", "is not above low_hz and at most half the sample_rate")
        }
        if (frontEnd.kind == FeatureKind.MFCC && frontEnd.coefficients > frontEnd.melBins) {
            fields.fail("coefficients", "are more than mel_bins")
        }
        if (frontEnd.windowMs > frontEnd.seconds * 1000) {
            fields.fail("window_ms", "is longer than the clip")
        }
        if (frontEnd.windowSamples < 2) fields.fail("window_ms", "is shorter than 2 samples")
        if (frontEnd.strideSamples < 1) fields.fail("stride_ms", "is shorter than a sample")
        val spectrum = Integer.highestOneBit(frontEnd.windowSamples - 1) * 2L
        if (frontEnd.frames * spectrum > MOST_CLIP_VALUES) {
            fields.fail("stride_ms", "gives ${frontEnd.frames} frames a clip")
        }
    }
}
