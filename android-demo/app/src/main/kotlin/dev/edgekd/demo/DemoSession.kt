package dev.edgekd.demo

import android.os.Debug
import dev.edgekd.core.demo.Comparison
import dev.edgekd.core.demo.Input
import dev.edgekd.core.demo.Outcome
import dev.edgekd.core.demo.SideBySide
import dev.edgekd.core.demo.SideState
import dev.edgekd.core.demo.valueOrNull
import dev.edgekd.demo.input.InputSink
import java.util.concurrent.atomic.AtomicReference

/** What the screen shows; [sides] is empty until the models are loaded. */
internal class DemoState(
    val sides: List<Outcome<SideState>> = emptyList(),
    val comparison: Comparison? = null,
    val processBytes: Long? = null,
)

/**
 * The loaded models and what they answered, kept while the screen is turned.
 *
 * Used on the main thread; the models live on the thread of [background]. A word is recorded and a
 * picture read on another one: neither waits until the models are loaded and checked.
 */
internal class DemoSession(private val models: SideBySide) : InputSink {
    private val background = Background()
    private val reading = Background()
    private val waiting = AtomicReference<(() -> Unit)?>()

    /** Told of each new state; null while no screen is there. */
    var onChange: ((DemoState) -> Unit)? = null

    var state: DemoState = DemoState()
        private set

    init {
        update { models.load() }
        update { models.check() }
    }

    override fun accept(input: Input) = answer { models.predict(input) }

    override fun clear() = answer { models.clear() }

    override fun <T> later(task: () -> T, done: (Outcome<T>) -> Unit) = reading.run(task, done)

    fun close() {
        onChange = null
        reading.close()
        background.close(models::close)
    }

    /** Only the newest input is answered: one that waits when another comes is dropped. */
    private fun answer(step: () -> Unit) {
        if (waiting.getAndSet(step) != null) return
        update { waiting.getAndSet(null)?.invoke() }
    }

    private fun update(step: () -> Unit) =
        background.run({
            step()
            DemoState(models.states, models.comparison, processBytes())
        }) { outcome ->
            outcome.valueOrNull()?.let { state = it }
            onChange?.invoke(state)
        }

    /** The process's share of the phone's memory. Takes milliseconds; never beside an inference. */
    private fun processBytes(): Long? = (Debug.getPss() * KIBIBYTE).takeIf { it > 0 }

    private companion object {
        const val KIBIBYTE = 1024
    }
}
