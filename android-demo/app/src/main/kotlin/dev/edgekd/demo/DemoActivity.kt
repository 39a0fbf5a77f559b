package dev.edgekd.demo

import android.Manifest
import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.content.pm.PackageManager
import android.os.Bundle
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.LinearLayout
import android.widget.TextView
import dev.edgekd.core.bundle.Task
import dev.edgekd.core.demo.SideBySide
import dev.edgekd.demo.engines.Engines
import dev.edgekd.demo.input.ImagePanel
import dev.edgekd.demo.input.InputPanel
import dev.edgekd.demo.input.Pictures
import dev.edgekd.demo.input.SoundPanel
import dev.edgekd.demo.input.TextPanel

/** One model, or two side by side, on what is drawn, said or typed. */
class DemoActivity : Activity() {
    private lateinit var request: DemoRequest
    private lateinit var session: DemoSession
    private lateinit var texts: Texts
    private lateinit var sides: List<SideView>
    private var panel: InputPanel = object : InputPanel {}

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_demo)
        find<View>(R.id.root).keepClearOfSystemBars()
        texts = Texts(this)
        request = DemoRequest.from(intent)
        session = TurningSession.take(request.keys) ?: newSession()
        sides = request.keys.map { side() }
        panel = panel()
        session.onChange = ::show
        show(session.state)
    }

    override fun onPostCreate(savedInstanceState: Bundle?) {
        super.onPostCreate(savedInstanceState)
        savedInstanceState?.let(panel::restore)
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        panel.save(outState)
    }

    override fun onStop() {
        panel.stop()
        super.onStop()
    }

    override fun onDestroy() {
        session.onChange = null
        if (isChangingConfigurations) {
            TurningSession.keep(request.keys, session)
        } else {
            session.close()
        }
        super.onDestroy()
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        super.onActivityResult(requestCode, resultCode, data)
        val address = data?.data
        if (requestCode != PICTURE || resultCode != RESULT_OK || address == null) return
        say(null)
        (panel as? ImagePanel)?.choose(address)
    }

    override fun onRequestPermissionsResult(
        requestCode: Int,
        permissions: Array<out String>,
        grantResults: IntArray,
    ) {
        super.onRequestPermissionsResult(requestCode, permissions, grantResults)
        // Nothing in it: the question was broken off, as by another one, and not answered.
        if (requestCode != MICROPHONE || grantResults.isEmpty()) return
        val allowed = grantResults.first() == PackageManager.PERMISSION_GRANTED
        say(getString(if (allowed) R.string.microphone_allowed else R.string.microphone_denied))
    }

    private fun newSession(): DemoSession {
        val store = BundleStore(applicationContext)
        return DemoSession(SideBySide(store.shelf, request.keys, Engines::of))
    }

    private fun side(): SideView {
        val container = find<LinearLayout>(R.id.sides)
        val root = LayoutInflater.from(this).inflate(R.layout.side, container, false)
        if (resources.getBoolean(R.bool.columns)) {
            container.orientation = LinearLayout.HORIZONTAL
            val height = ViewGroup.LayoutParams.WRAP_CONTENT
            root.layoutParams = LinearLayout.LayoutParams(0, height, 1f)
        }
        container.addView(root)
        return SideView(root, texts)
    }

    private fun panel(): InputPanel =
        when (request.task) {
            Task.IMAGE -> imagePanel()
            Task.SOUND -> soundPanel()
            Task.TEXT -> TextPanel(input(R.layout.input_text), session)
            Task.NUMBERS -> object : InputPanel {}.also { input(R.layout.input_numbers) }
        }

    private fun imagePanel(): InputPanel =
        ImagePanel(
            root = input(R.layout.input_image),
            sink = session,
            pictures = Pictures(applicationContext.contentResolver),
            drawable = request.drawing,
            onProblem = { say(it?.message) },
            onChoose = ::choosePicture,
        )

    private fun soundPanel(): InputPanel =
        SoundPanel(
            root = input(R.layout.input_sound),
            sink = session,
            wordSeconds = request.wordSeconds,
            onProblem = { say(it?.message) },
            isAllowed = {
                checkSelfPermission(Manifest.permission.RECORD_AUDIO) ==
                    PackageManager.PERMISSION_GRANTED
            },
            askForPermission = {
                requestPermissions(arrayOf(Manifest.permission.RECORD_AUDIO), MICROPHONE)
            },
        )

    private fun input(layout: Int): View =
        LayoutInflater.from(this).inflate(layout, find<ViewGroup>(R.id.input), true)

    private fun choosePicture() {
        val intent =
            Intent(Intent.ACTION_GET_CONTENT)
                .addCategory(Intent.CATEGORY_OPENABLE)
                .setType("image/*")
        try {
            startActivityForResult(intent, PICTURE)
        } catch (_: ActivityNotFoundException) {
            say(getString(R.string.no_picture_chooser))
        }
    }

    private fun show(state: DemoState) {
        sides.forEachIndexed { index, side ->
            state.sides.getOrNull(index)?.let { side.show(request.keys[index], it) }
                ?: side.showLoading(getString(R.string.loading))
        }
        find<TextView>(R.id.comparison).showOrHide(state.comparison?.let(texts::comparison))
        find<TextView>(R.id.process_memory)
            .showOrHide(state.processBytes?.let(texts::processMemory))
    }

    private fun say(text: String?) = find<TextView>(R.id.message).showOrHide(text)

    private companion object {
        const val PICTURE = 1
        const val MICROPHONE = 2
    }
}
