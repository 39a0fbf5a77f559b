package dev.edgekd.demo.input

import android.media.AudioFormat
import android.media.AudioRecord
import android.media.MediaRecorder
import dev.edgekd.core.demo.Recording
import dev.edgekd.core.prediction.Sample
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/** Records one word: 16 kHz mono where the phone has it, else what it gives. */
internal class Microphone {
    @Volatile
    private var stopped = false

    /** End what [record] does; called on another thread. */
    fun stop() {
        stopped = true
    }

    /**
     * Record until [stop], and at most [MOST_SECONDS]; the word of [wordSeconds] in it.
     *
     * Throws [Problem]: the microphone is not there, or is not lent to this app.
     */
    fun record(wordSeconds: Double): Sample.Sound {
        val recorder = opened()
        try {
            recorder.startRecording()
            if (recorder.recordingState != AudioRecord.RECORDSTATE_RECORDING) {
                throw Problem(Reason.INPUTS, "another app holds the microphone")
            }
            val recording = read(recorder)
            if (recording.isSilent) throw Problem(Reason.INPUTS, SWITCHED_OFF)
            return recording.word(wordSeconds)
                ?: throw Problem(Reason.INPUTS, "nothing was recorded: hold the button longer")
        } finally {
            recorder.release()
        }
    }

    private fun read(recorder: AudioRecord): Recording {
        val recording = Recording(recorder.sampleRate, MOST_SECONDS)
        val block = ShortArray(recorder.sampleRate / BLOCKS_PER_SECOND)
        while (!stopped && !recording.isFull) {
            val count = recorder.read(block, 0, block.size)
            if (count < 0) throw Problem(Reason.INPUTS, "the microphone stopped (error $count)")
            recording.add(block, count)
        }
        return recording
    }

    private fun opened(): AudioRecord =
        try {
            firstThatOpens()
        } catch (error: SecurityException) {
            throw Problem(Reason.INPUTS, "this app may not use the microphone", error)
        }

    private fun firstThatOpens(): AudioRecord {
        for (rate in RATES) {
            val least = AudioRecord.getMinBufferSize(rate, CHANNEL, ENCODING)
            if (least <= 0) continue
            val recorder = AudioRecord(SOURCE, rate, CHANNEL, ENCODING, maxOf(least, rate))
            if (recorder.state == AudioRecord.STATE_INITIALIZED) return recorder
            recorder.release()
        }
        throw Problem(Reason.INPUTS, "the microphone cannot be used")
    }

    private companion object {
        const val MOST_SECONDS = 5.0
        const val SWITCHED_OFF =
            "the microphone gives nothing but zeros: switch it on in the phone's quick settings"
        const val BLOCKS_PER_SECOND = 20
        const val SOURCE = MediaRecorder.AudioSource.VOICE_RECOGNITION
        const val CHANNEL = AudioFormat.CHANNEL_IN_MONO
        const val ENCODING = AudioFormat.ENCODING_PCM_16BIT
        val RATES = intArrayOf(16_000, 48_000, 44_100)
    }
}
