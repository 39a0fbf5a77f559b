package dev.edgekd.core.demo

import dev.edgekd.core.bundle.Task

/** What the user chose to look at: nothing, one bundle, or two of the same task. */
data class BundleChoice(val keys: List<String> = emptyList(), val task: Task? = null) {
    /** Whether there is something to show. */
    val isReady: Boolean
        get() = keys.isNotEmpty()

    /**
     * Choose [key], or take it away where it was chosen.
     *
     * Another task starts a new choice. A third bundle takes the place of the second.
     */
    fun toggle(key: String, keyTask: Task): BundleChoice {
        if (key in keys) {
            val left = keys - key
            return BundleChoice(left, task.takeIf { left.isNotEmpty() })
        }
        if (keyTask != task) return BundleChoice(listOf(key), keyTask)
        return BundleChoice(keys.take(MOST - 1) + key, task)
    }

    /** Without what is no longer listed; [tasks] are those of the listed keys. */
    fun among(tasks: Map<String, Task>): BundleChoice {
        val left = keys.filter { it in tasks }
        val first = left.firstOrNull() ?: return BundleChoice()
        return BundleChoice(left.filter { tasks[it] == tasks[first] }, tasks[first])
    }

    private companion object {
        const val MOST = 2
    }
}
