package dev.edgekd.demo.input

import android.view.MotionEvent
import android.view.View
import android.widget.Button
import dev.edgekd.core.demo.Given
import dev.edgekd.core.demo.Outcome
import dev.edgekd.core.problem.Problem
import dev.edgekd.demo.R
import dev.edgekd.demo.find

/**
 * Hold a button to record a word. With TalkBack a double tap begins, and another one ends; what it
 * says of the button stays the same, because the microphone would hear a change announced.
 */
internal class SoundPanel(
    root: View,
    private val sink: InputSink,
    private val wordSeconds: Double,
    private val onProblem: (Problem?) -> Unit,
    private val isAllowed: () -> Boolean,
    private val askForPermission: () -> Unit,
) : InputPanel {
    private val button = root.find<Button>(R.id.record)
    private var microphone: Microphone? = null

    init {
        listen()
    }

    override fun stop() {
        microphone?.stop()
    }

    private fun listen() {
        button.setOnClickListener { if (microphone == null) begin() else stop() }
        button.setOnTouchListener { view, event ->
            when (event.actionMasked) {
                MotionEvent.ACTION_DOWN -> {
                    view.parent.requestDisallowInterceptTouchEvent(true)
                    begin()
                }

                MotionEvent.ACTION_UP, MotionEvent.ACTION_CANCEL -> {
                    stop()
                }
            }
            true
        }
    }

    private fun begin() {
        if (microphone != null) return
        if (!isAllowed()) return askForPermission()
        val opened = Microphone()
        microphone = opened
        show(recording = true)
        onProblem(null)
        sink.later({ opened.record(wordSeconds) }) { outcome ->
            microphone = null
            show(recording = false)
            when (outcome) {
                is Outcome.Success -> sink.accept(Given(outcome.value))
                is Outcome.Failure -> onProblem(outcome.problem)
            }
        }
    }

    private fun show(recording: Boolean) {
        button.setText(if (recording) R.string.recording else R.string.hold_to_record)
        button.isActivated = recording
    }
}
