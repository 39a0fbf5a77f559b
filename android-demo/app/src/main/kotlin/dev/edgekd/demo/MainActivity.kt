package dev.edgekd.demo

import android.app.Activity
import android.app.AlertDialog
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import dev.edgekd.core.demo.BundleChoice
import dev.edgekd.core.demo.ListedBundle
import dev.edgekd.core.demo.Outcome
import dev.edgekd.core.demo.problemOrNull

/** Lists the bundles on the phone, and lets one or two of them be chosen. */
class MainActivity : Activity() {
    private val background = Background()
    private lateinit var store: BundleStore
    private lateinit var texts: Texts
    private lateinit var rows: BundleRows
    private lateinit var message: TextView
    private lateinit var start: Button
    private var listed: List<ListedBundle>? = null
    private var choice = BundleChoice()
    private var opening = false
    private var question: AlertDialog? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_main)
        find<View>(R.id.root).keepClearOfSystemBars()
        store = BundleStore(applicationContext)
        texts = Texts(this)
        rows = BundleRows(find<ViewGroup>(R.id.bundles), texts, ::choose, ::askToRemove)
        message = find(R.id.message)
        start = find(R.id.start)
        start.setOnClickListener { showDemo() }
        find<View>(R.id.open_file).setOnClickListener { chooseFile() }
        val keys = savedInstanceState?.getStringArrayList(CHOSEN).orEmpty()
        choice = BundleChoice(keys)
    }

    override fun onStart() {
        super.onStart()
        // Each time: something may have been pushed meanwhile.
        refresh(note = null)
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putStringArrayList(CHOSEN, ArrayList(choice.keys))
    }

    override fun onDestroy() {
        question?.dismiss()
        background.close()
        super.onDestroy()
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        val address = data?.data
        if (requestCode == OPEN && resultCode == RESULT_OK && address != null) open(address)
    }

    private fun refresh(note: String?) =
        background.run(store::list) { outcome ->
            when (outcome) {
                is Outcome.Failure -> {
                    say(outcome.problem.message)
                }

                is Outcome.Success -> {
                    listed = outcome.value
                    choice = choice.among(tasks(outcome.value))
                    if (!opening) say(note ?: noBundles(outcome.value))
                }
            }
            show()
        }

    private fun noBundles(bundles: List<ListedBundle>): String? =
        if (bundles.isEmpty()) getString(R.string.no_bundles) else null

    private fun tasks(bundles: List<ListedBundle>) =
        bundles.mapNotNull { one -> one.bundle?.let { one.key to it.task } }.toMap()

    private fun show() {
        rows.show(listed.orEmpty(), choice)
        start.isEnabled = choice.isReady
        start.setText(if (choice.keys.size > 1) R.string.compare else R.string.start)
    }

    private fun choose(key: String) {
        val task = listed?.find { it.key == key }?.bundle?.task ?: return
        choice = choice.toggle(key, task)
        show()
    }

    private fun showDemo() {
        val chosen = choice.keys.mapNotNull { key -> listed?.find { it.key == key } }
        val first = chosen.firstOrNull()?.bundle ?: return
        startActivity(DemoRequest.of(chosen.map { it.key }, first).toIntent(this))
    }

    private fun chooseFile() {
        val intent =
            Intent(Intent.ACTION_OPEN_DOCUMENT)
                .addCategory(Intent.CATEGORY_OPENABLE)
                // Not every app calls a zip file application/zip.
                .setType("*/*")
        try {
            startActivityForResult(intent, OPEN)
        } catch (_: ActivityNotFoundException) {
            say(getString(R.string.no_file_chooser))
        }
    }

    private fun open(address: Uri) {
        opening = true
        say(getString(R.string.opening))
        background.run({ store.open(address) }) { outcome ->
            opening = false
            when (outcome) {
                is Outcome.Failure -> say(outcome.problem.message)
                is Outcome.Success -> refresh(getString(R.string.opened))
            }
        }
    }

    private fun askToRemove(listed: ListedBundle) {
        question =
            AlertDialog
                .Builder(this)
                .setTitle(R.string.remove_bundle)
                .setMessage(texts.removal(listed))
                .setPositiveButton(R.string.remove) { _, _ -> remove(listed) }
                .setNegativeButton(R.string.cancel, null)
                .show()
    }

    private fun remove(listed: ListedBundle) =
        background.run({ store.remove(listed) }) { outcome ->
            refresh(outcome.problemOrNull?.message ?: getString(R.string.removed))
        }

    private fun say(text: String?) = message.showOrHide(text)

    private companion object {
        const val OPEN = 1
        const val CHOSEN = "chosen"
    }
}
