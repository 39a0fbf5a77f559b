package dev.edgekd.demo.input

import android.os.Bundle
import dev.edgekd.core.demo.Input
import dev.edgekd.core.demo.Outcome

/** Where an input of the screen goes. */
internal interface InputSink {
    fun accept(input: Input)

    /** The input was taken away, and with it goes what was answered. */
    fun clear()

    /** Do what takes time off the main thread. */
    fun <T> later(task: () -> T, done: (Outcome<T>) -> Unit)
}

/** The part of the screen that takes an input. */
internal interface InputPanel {
    /** Keep what was put in, for when the screen comes back. */
    fun save(state: Bundle) = Unit

    /** Take up what [save] kept. */
    fun restore(state: Bundle) = Unit

    /** The screen is no longer seen: let go of the microphone and of what waits. */
    fun stop() = Unit
}
