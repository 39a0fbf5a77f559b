package dev.edgekd.demo

import android.content.Context
import android.content.Intent
import android.os.Handler
import android.os.Looper
import android.util.Log
import dev.edgekd.core.benchmark.Benchmark
import dev.edgekd.demo.benchmark.AndroidProbe
import dev.edgekd.demo.benchmark.Foreground
import dev.edgekd.demo.engines.Engines

/**
 * The one run of this process; its functions are called on the main thread.
 *
 * A second run would find a warm process: neither its first load nor its memory would be its own.
 */
internal object BenchmarkRun {
    private const val TAG = "edgekd"

    /** Whether this process has begun a run. */
    var started: Boolean = false
        private set

    /** Of the Activity that is there now. */
    val foreground: Foreground = Foreground()

    /** What was logged at the end; null: it has not ended. */
    var line: String? = null
        private set

    /** Told the line once, at the end; null while no screen is there. */
    var whenDone: ((String) -> Unit)? = null

    /** Start what [intent] asks for, on a thread of its own. Another start only logs that. */
    fun start(context: Context, intent: Intent) {
        if (started) {
            Log.w(TAG, "a second run in one process is not started: use am start -S")
            return
        }
        started = true
        foreground.begin()
        val main = Handler(Looper.getMainLooper())
        val probe = AndroidProbe(context.applicationContext, foreground)
        val files = context.filesDir
        Thread({
            val last = Benchmark(Engines::of, probe).run(extras(intent), files)
            Log.i(TAG, last)
            main.post { ended(last) }
        }, "benchmark").start()
    }

    private fun ended(last: String) {
        line = last
        whenDone?.invoke(last)
    }

    /** What cannot be unpacked is no extra of ours; the run then misses what it needs. */
    private fun extras(intent: Intent): Map<String, Any?> =
        try {
            intent.extras?.let { all -> all.keySet().associateWith { all.get(it) } }.orEmpty()
        } catch (error: RuntimeException) {
            Log.w(TAG, "the extras cannot be unpacked: $error")
            emptyMap()
        }
}
