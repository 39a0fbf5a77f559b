package dev.edgekd.demo.input

import android.os.Handler
import android.os.Looper
import android.text.Editable
import android.text.TextWatcher
import android.view.View
import android.widget.EditText
import dev.edgekd.core.demo.Given
import dev.edgekd.core.prediction.Sample
import dev.edgekd.demo.R
import dev.edgekd.demo.find

/** Type, and after a pause see the class. The field keeps its own text while the screen turns. */
internal class TextPanel(root: View, private val sink: InputSink) : InputPanel {
    private val field = root.find<EditText>(R.id.text)
    private val main = Handler(Looper.getMainLooper())
    private val ask = Runnable { submit() }

    init {
        field.addTextChangedListener(
            object : TextWatcher {
                override fun beforeTextChanged(s: CharSequence?, from: Int, old: Int, new: Int) =
                    Unit

                override fun onTextChanged(s: CharSequence?, from: Int, old: Int, new: Int) = Unit

                override fun afterTextChanged(s: Editable?) {
                    main.removeCallbacks(ask)
                    main.postDelayed(ask, PAUSE_MILLISECONDS)
                }
            },
        )
    }

    override fun stop() = main.removeCallbacks(ask)

    private fun submit() {
        val text = field.text.toString()
        if (text.isBlank()) sink.clear() else sink.accept(Given(Sample.Text(text)))
    }

    private companion object {
        const val PAUSE_MILLISECONDS = 300L
    }
}
