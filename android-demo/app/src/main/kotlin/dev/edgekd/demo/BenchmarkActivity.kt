package dev.edgekd.demo

import android.app.Activity
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.view.WindowManager
import android.widget.TextView

/**
 * Measures what its intent asks for, once, and says so on the screen, which stays on.
 *
 * `edgekd bench` starts it over adb; the contract is in edgekd's `devices/adb/application.py`.
 * A rotation or another intent neither starts the run anew nor ends it.
 */
class BenchmarkActivity : Activity() {
    private val main = Handler(Looper.getMainLooper())
    private val begin = Runnable { begin() }
    private val whenDone: (String) -> Unit = { show(it) }
    private var fresh = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        fresh = savedInstanceState == null
        // Its process was ended in the background, and with it the run.
        if (!fresh && !BenchmarkRun.started) finish()
        setContentView(R.layout.activity_benchmark)
        find<TextView>(R.id.benchmark_status).keepClearOfSystemBars()
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        BenchmarkRun.whenDone = whenDone
        BenchmarkRun.line?.let { show(it) }
        // Behind a lock screen it never gets the focus: it runs all the same, and says so.
        main.postDelayed(begin, LONGEST_WAIT_MILLISECONDS)
    }

    override fun onResume() {
        super.onResume()
        BenchmarkRun.foreground.resumed(true)
    }

    override fun onPause() {
        BenchmarkRun.foreground.resumed(false)
        super.onPause()
    }

    override fun onWindowFocusChanged(hasFocus: Boolean) {
        super.onWindowFocusChanged(hasFocus)
        BenchmarkRun.foreground.focused(hasFocus)
        // The first frame is drawn by now, and takes no time from the model.
        if (hasFocus) begin()
    }

    override fun onDestroy() {
        main.removeCallbacks(begin)
        // The screen that took this one's place may have set its own.
        if (BenchmarkRun.whenDone === whenDone) BenchmarkRun.whenDone = null
        super.onDestroy()
    }

    private fun begin() {
        main.removeCallbacks(begin)
        if (!fresh) return
        fresh = false
        BenchmarkRun.start(this, intent)
    }

    private fun show(line: String) {
        find<TextView>(R.id.benchmark_status).text = line
        window.clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
    }

    private companion object {
        const val LONGEST_WAIT_MILLISECONDS = 3000L
    }
}
