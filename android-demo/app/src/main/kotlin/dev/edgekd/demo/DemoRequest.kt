package dev.edgekd.demo

import android.content.Context
import android.content.Intent
import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.bundle.Task
import dev.edgekd.core.tensor.Layout

/**
 * What is to be shown: the bundles of [keys], and which input they take.
 *
 * [drawing] is whether they take grey pictures, as a finger draws them; [wordSeconds] is how long a
 * word may be.
 */
internal class DemoRequest(
    val keys: List<String>,
    val task: Task,
    val drawing: Boolean,
    val wordSeconds: Double,
) {
    fun toIntent(context: Context): Intent =
        Intent(context, DemoActivity::class.java)
            .putStringArrayListExtra(KEYS, ArrayList(keys))
            .putExtra(TASK, task.name)
            .putExtra(DRAWING, drawing)
            .putExtra(WORD_SECONDS, wordSeconds)

    companion object {
        private const val KEYS = "keys"
        private const val TASK = "task"
        private const val DRAWING = "drawing"
        private const val WORD_SECONDS = "word_seconds"

        /** For bundles that take the same input as [bundle]. */
        fun of(keys: List<String>, bundle: Bundle): DemoRequest =
            DemoRequest(
                keys,
                bundle.task,
                drawing = bundle.task == Task.IMAGE && isGrey(bundle),
                wordSeconds = bundle.preprocessing?.frontEnd?.seconds ?: 1.0,
            )

        fun from(intent: Intent): DemoRequest =
            DemoRequest(
                intent.getStringArrayListExtra(KEYS).orEmpty(),
                Task.entries.find { it.name == intent.getStringExtra(TASK) } ?: Task.NUMBERS,
                intent.getBooleanExtra(DRAWING, false),
                intent.getDoubleExtra(WORD_SECONDS, 1.0),
            )

        private fun isGrey(bundle: Bundle): Boolean {
            val input = bundle.inputs.first()
            return input.shape[if (input.layout == Layout.NHWC) 3 else 1] == 1
        }
    }
}
