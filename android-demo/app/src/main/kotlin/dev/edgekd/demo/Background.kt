package dev.edgekd.demo

import android.os.Handler
import android.os.Looper
import dev.edgekd.core.demo.Outcome
import dev.edgekd.core.demo.attempt
import java.util.concurrent.Executors

/**
 * One thread for all that takes time, in the order that it was asked for.
 *
 * Its functions are called on the main thread, and results come back there.
 */
internal class Background {
    private val worker = Executors.newSingleThreadExecutor()
    private val main = Handler(Looper.getMainLooper())
    private var closed = false

    /** Do [task], and hand what came of it to [done], unless this was closed meanwhile. */
    fun <T> run(task: () -> T, done: (Outcome<T>) -> Unit) {
        if (closed) return
        worker.execute {
            val outcome = attempt(task)
            main.post { if (!closed) done(outcome) }
        }
    }

    /** Nothing comes back from now on. [last] is done after all that was asked for. */
    fun close(last: () -> Unit = {}) {
        if (closed) return
        closed = true
        main.removeCallbacksAndMessages(null)
        worker.execute { attempt(last) }
        worker.shutdown()
    }
}
