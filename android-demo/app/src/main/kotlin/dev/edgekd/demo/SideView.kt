package dev.edgekd.demo

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.ProgressBar
import android.widget.TextView
import dev.edgekd.core.demo.Outcome
import dev.edgekd.core.demo.SideState
import dev.edgekd.core.demo.problemOrNull
import dev.edgekd.core.demo.valueOrNull
import dev.edgekd.core.prediction.Answer
import dev.edgekd.core.prediction.Prediction
import kotlin.math.roundToInt

/** One model: what it is, what it answers, how long that took. */
internal class SideView(val root: View, private val texts: Texts) {
    private val name: TextView = root.find(R.id.side_name)
    private val runtime: TextView = root.find(R.id.side_runtime)
    private val problem: TextView = root.find(R.id.side_problem)
    private val answer: TextView = root.find(R.id.side_answer)
    private val predictions: ViewGroup = root.find(R.id.side_predictions)
    private val time: TextView = root.find(R.id.side_time)
    private val size: TextView = root.find(R.id.side_size)
    private val check: TextView = root.find(R.id.side_check)

    /** A bundle that could not be loaded is shown with its [key] and the reason. */
    fun show(key: String, outcome: Outcome<SideState>) =
        when (outcome) {
            is Outcome.Success -> {
                show(outcome.value)
            }

            is Outcome.Failure -> {
                name.text = key
                problem.showOrHide(outcome.problem.message)
                showAnswer(null)
                listOf(runtime, time, size, check).forEach { it.showOrHide(null) }
            }
        }

    /** Before there is anything else. */
    fun showLoading(text: String) {
        name.text = text
        listOf(runtime, problem, time, size, check).forEach { it.showOrHide(null) }
    }

    private fun show(state: SideState) {
        name.text = texts.name(state.bundle)
        runtime.showOrHide(texts.runtime(state))
        size.showOrHide(texts.modelSize(state.bundle.modelBytes))
        check.showOrHide(texts.check(state.selfCheck))
        problem.showOrHide(state.answer?.problemOrNull?.message)
        val answered = state.answer?.valueOrNull()
        showAnswer(answered)
        val median = state.medianMilliseconds
        time.showOrHide(
            if (answered == null || median == null) {
                null
            } else {
                texts.time(answered.milliseconds, median, state.runs)
            },
        )
    }

    private fun showAnswer(answered: Answer?) {
        val best = answered?.predictions.orEmpty().take(MOST_PREDICTIONS)
        answer.showOrHide(best.firstOrNull()?.label)
        best.firstOrNull()?.let { answer.contentDescription = texts.spoken(it) }
        while (predictions.childCount > best.size) predictions.removeViewAt(best.size)
        best.forEachIndexed { index, one -> showPrediction(row(index), one) }
    }

    private fun row(index: Int): View =
        predictions.getChildAt(index)
            ?: LayoutInflater
                .from(root.context)
                .inflate(R.layout.prediction, predictions, false)
                .also { predictions.addView(it) }

    private fun showPrediction(row: View, prediction: Prediction) {
        row.contentDescription = texts.spoken(prediction)
        row.find<TextView>(R.id.prediction_label).text = texts.prediction(prediction)
        val bar = row.find<ProgressBar>(R.id.prediction_bar)
        bar.progress = (prediction.probability * bar.max).roundToInt()
    }

    private companion object {
        const val MOST_PREDICTIONS = 5
    }
}
