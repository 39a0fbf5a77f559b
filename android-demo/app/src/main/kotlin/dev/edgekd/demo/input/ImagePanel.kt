package dev.edgekd.demo.input

import android.net.Uri
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.view.View
import android.widget.TextView
import dev.edgekd.core.demo.Drawn
import dev.edgekd.core.demo.Given
import dev.edgekd.core.demo.Outcome
import dev.edgekd.core.prediction.Sample
import dev.edgekd.core.problem.Problem
import dev.edgekd.demo.R
import dev.edgekd.demo.find

/** Draw with a finger, or choose a picture. */
internal class ImagePanel(
    root: View,
    private val sink: InputSink,
    private val pictures: Pictures,
    private val drawable: Boolean,
    private val onProblem: (Problem?) -> Unit,
    onChoose: () -> Unit,
) : InputPanel {
    private val drawing = root.find<DrawingView>(R.id.drawing)
    private val preview = root.find<PictureView>(R.id.picture)
    private val main = Handler(Looper.getMainLooper())
    private val ask = Runnable { submit() }
    private var asking = false
    private var address: Uri? = null

    init {
        drawing.onDrawn = ::drawn
        root.find<View>(R.id.clear).setOnClickListener { clear() }
        root.find<View>(R.id.choose_picture).setOnClickListener { onChoose() }
        if (!drawable) {
            listOf(drawing, root.find<View>(R.id.clear)).forEach { it.visibility = View.GONE }
            root.find<TextView>(R.id.image_hint).setText(R.string.choose_a_picture)
        }
    }

    /** Show the picture at [chosen] to the models, instead of a drawing. */
    fun choose(chosen: Uri) {
        sink.later({ pictures.read(chosen) }) { outcome ->
            when (outcome) {
                is Outcome.Failure -> {
                    onProblem(outcome.problem)
                }

                is Outcome.Success -> {
                    address = chosen
                    showPicture(outcome.value)
                    sink.accept(Given(outcome.value))
                }
            }
        }
    }

    override fun save(state: Bundle) {
        state.putFloatArray(SKETCH, drawing.sketch.toArray())
        address?.let { state.putString(PICTURE, it.toString()) }
    }

    override fun restore(state: Bundle) {
        state.getFloatArray(SKETCH)?.let(drawing::restore)
        val chosen = state.getString(PICTURE)
        if (chosen != null) choose(Uri.parse(chosen)) else submit()
    }

    override fun stop() {
        main.removeCallbacks(ask)
        asking = false
    }

    private fun clear() {
        stop()
        showPicture(null)
        drawing.clear()
        sink.clear()
        drawing.announceForAccessibility(drawing.context.getString(R.string.cleared))
    }

    /** While a line grows the models are asked from time to time, at its end at once. */
    private fun drawn(finished: Boolean) {
        onProblem(null)
        if (finished) {
            submit()
        } else if (!asking) {
            asking = main.postDelayed(ask, PAUSE_MILLISECONDS)
        }
    }

    private fun submit() {
        stop()
        if (!drawing.sketch.isEmpty) sink.accept(Drawn(drawing.picture()))
    }

    private fun showPicture(picture: Sample.Image?) {
        if (picture == null) address = null
        preview.setImageBitmap(picture?.toBitmap())
        preview.visibility = if (picture == null) View.GONE else View.VISIBLE
        drawing.visibility = if (picture == null && drawable) View.VISIBLE else View.GONE
    }

    private companion object {
        const val SKETCH = "sketch"
        const val PICTURE = "picture"
        const val PAUSE_MILLISECONDS = 150L
    }
}
