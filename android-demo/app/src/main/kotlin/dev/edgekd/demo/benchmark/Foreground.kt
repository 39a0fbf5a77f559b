package dev.edgekd.demo.benchmark

/**
 * Whether the benchmark was in front all the time, since [begin].
 *
 * Written on the main thread, read on any.
 */
internal class Foreground {
    private var resumed = false
    private var focused = false
    private var begun = false

    /** True until anything else comes to the front. */
    @Volatile
    var kept: Boolean = true
        private set

    /** From now on it counts. */
    fun begin() {
        begun = true
        look()
    }

    /** The Activity was resumed, or paused. */
    fun resumed(now: Boolean) {
        resumed = now
        look()
    }

    /** Its window has the focus, or something else has. */
    fun focused(now: Boolean) {
        focused = now
        look()
    }

    private fun look() {
        if (begun && !(resumed && focused)) kept = false
    }
}
