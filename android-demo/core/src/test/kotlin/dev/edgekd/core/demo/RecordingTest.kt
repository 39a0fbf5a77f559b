package dev.edgekd.core.demo

import kotlin.math.PI
import kotlin.math.sin
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

class RecordingTest {
    private val rate = 1000

    /** Silence, a tone from [begin] to [end] in seconds, silence; two seconds. */
    private fun toned(begin: Double, end: Double): Recording {
        val recording = Recording(rate, seconds = 2.0)
        val values =
            ShortArray(2 * rate) { index ->
                val inside = index >= begin * rate && index < end * rate
                if (inside) (16_000 * sin(2 * PI * index / 10)).toInt().toShort() else 20
            }
        recording.add(values, values.size)
        return recording
    }

    @Test
    fun theWordIsFoundAmongSilence() {
        val word = assertNotNull(toned(begin = 0.5, end = 0.8).word(seconds = 1.0))

        // 50 ms before it, and 100 ms behind.
        assertEquals(450, word.samples.size)
        assertEquals(rate, word.sampleRate)
        assertTrue(word.samples.take(50).all { it < 0.01f })
        assertTrue(
            word.samples
                .drop(50)
                .take(300)
                .max() > 0.4f,
        )
    }

    @Test
    fun aLongWordIsCut() {
        val word = assertNotNull(toned(begin = 0.0, end = 2.0).word(seconds = 1.0))

        assertEquals(1000, word.samples.size)
    }

    @Test
    fun silenceIsKeptAsItIs() {
        val word = assertNotNull(toned(begin = 0.0, end = 0.0).word(seconds = 1.0))

        assertEquals(1000, word.samples.size)
    }

    @Test
    fun onlyZerosAreAMicrophoneThatIsOff() {
        val recording = Recording(rate, seconds = 1.0)
        assertFalse(recording.isSilent)
        recording.add(ShortArray(10), 10)
        assertTrue(recording.isSilent)

        recording.add(shortArrayOf(1), 1)

        assertFalse(recording.isSilent)
    }

    @Test
    fun samplesAreBetweenMinusOneAndOne() {
        val recording = Recording(rate, seconds = 1.0)
        recording.add(shortArrayOf(Short.MIN_VALUE, Short.MAX_VALUE, 7), 2)

        val word = assertNotNull(recording.word(seconds = 1.0))

        assertEquals(listOf(-1f, 32767 / 32768f), word.samples.toList())
    }

    @Test
    fun nothingRecordedIsNothing() {
        assertNull(Recording(rate, seconds = 1.0).word(seconds = 1.0))
    }

    @Test
    fun whatItHoldsIsBounded() {
        val recording = Recording(rate, seconds = 0.5)
        val values = ShortArray(400)
        recording.add(values, 400)
        assertFalse(recording.isFull)

        recording.add(values, 400)

        assertTrue(recording.isFull)
        assertEquals(500, recording.word(seconds = 1.0)?.samples?.size)
    }
}
