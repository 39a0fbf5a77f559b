package dev.edgekd.core.preprocessing

import dev.edgekd.core.bundle.Axis
import dev.edgekd.core.bundle.FeatureKind
import dev.edgekd.core.bundle.FrontEnd
import dev.edgekd.core.problem.Reason
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.cos
import kotlin.math.sin
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertSame
import kotlin.test.assertTrue

class SoundPreprocessingTest {
    private fun tone(hertz: Double, rate: Int, count: Int): FloatArray =
        FloatArray(count) { sin(2 * PI * hertz * it / rate).toFloat() }

    private fun loudness(sound: FloatArray): Float = sound.copyOfRange(500, 1500).maxOf { abs(it) }

    @Test
    fun `the transform is the one of Fourier`() {
        val frame = DoubleArray(13) { Random(it).nextDouble() - 0.5 }
        val power = DoubleArray(9)
        FourierTransform(16).power(frame, power)
        for (k in power.indices) {
            val real = frame.indices.sumOf { frame[it] * cos(2 * PI * k * it / 16) }
            val imaginary = frame.indices.sumOf { frame[it] * sin(2 * PI * k * it / 16) }
            assertEquals(real * real + imaginary * imaginary, power[k], 1e-12)
        }
    }

    @Test
    fun `a mel filter without a frequency is refused`() {
        val frontEnd = FrontEnd(FeatureKind.MFCC, 8000, 1.0, 8.0, 8.0, 40, 10, 20.0, 4000.0)
        assertProblem(Reason.MODEL, "mel filter 0 ") { AudioFeatures(frontEnd) }
    }

    @Test
    fun `a tone below half the rate stays, one above it goes`() {
        val converter = RateConverter(48_000, 8_000)
        val kept = converter.convert(tone(1000.0, 48_000, 12_000))
        assertEquals(2000, kept.size)
        val expected = tone(1000.0, 8_000, 2000)
        for (index in 500 until 1500) assertEquals(expected[index], kept[index], 0.003f)
        assertTrue(loudness(converter.convert(tone(5000.0, 48_000, 12_000))) < 0.003)
    }

    @Test
    fun `a lower rate is raised`() {
        val raised = RateConverter(8_000, 11_025).convert(tone(440.0, 8_000, 2000))
        assertEquals(2757, raised.size)
        val expected = tone(440.0, 11_025, 2757)
        for (index in 500 until 1500) assertEquals(expected[index], raised[index], 0.003f)
    }

    @Test
    fun `the same rate changes nothing`() {
        val sound = floatArrayOf(1f, 2f)
        assertSame(sound, RateConverter(16_000, 16_000).convert(sound))
    }

    @Test
    fun `the loudest stretch is taken, with the word in its middle`() {
        val sound = FloatArray(100) { if (it in 60..69) 0.5f else 0f }
        assertEquals(10, loudest(sound, 30).count { it > 0 })
        assertEquals(10, loudest(sound, 30).indexOfFirst { it > 0 })
        assertContentEquals(floatArrayOf(0.5f, 0.25f), loudest(floatArrayOf(0f, 0.5f, 0.25f), 2))
    }

    @Test
    fun `short sound is followed by silence`() {
        assertContentEquals(floatArrayOf(1f, 2f, 0f), loudest(floatArrayOf(1f, 2f), 3))
        val sounds = SoundPreprocessing(soundBundle())
        val short = sounds.inputs(tone(100.0, 1000, 50), 1000)
        val padded = sounds.inputs(tone(100.0, 1000, 50) + FloatArray(50), 1000)
        assertEquals(realValues(padded), realValues(short))
        assertEquals(20, realValues(short).size)
    }

    @Test
    fun `sound that cannot be used is refused`() {
        val sounds = SoundPreprocessing(soundBundle())
        assertProblem(Reason.INPUTS, "no sound") { sounds.inputs(FloatArray(0), 1000) }
        assertProblem(Reason.INPUTS, "not finite") { sounds.inputs(floatArrayOf(Float.NaN), 1000) }
        for (rate in listOf(0, -8000, Int.MIN_VALUE, 44_101)) {
            assertProblem(Reason.INPUTS, "$rate Hz") { sounds.inputs(floatArrayOf(1f), rate) }
        }
    }

    @Test
    fun `a bundle whose front end does not fit is refused`() {
        assertProblem(
            Reason.MODEL,
            "the input takes",
        ) { SoundPreprocessing(soundBundle(frames = 5)) }
        assertProblem(Reason.MODEL, "axis") { SoundPreprocessing(soundBundle(axis = Axis.CHANNEL)) }
        assertProblem(
            Reason.MODEL,
            "no audio front end",
        ) { SoundPreprocessing(imageBundle(1, 2, 2)) }
    }
}
