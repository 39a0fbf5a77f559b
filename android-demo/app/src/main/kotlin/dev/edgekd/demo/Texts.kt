package dev.edgekd.demo

import android.content.Context
import android.text.format.Formatter
import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.bundle.Task
import dev.edgekd.core.demo.Comparison
import dev.edgekd.core.demo.ListedBundle
import dev.edgekd.core.demo.Origin
import dev.edgekd.core.demo.Outcome
import dev.edgekd.core.demo.Ratio
import dev.edgekd.core.demo.SideState
import dev.edgekd.core.demo.roundedFactor
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.prediction.Prediction
import dev.edgekd.core.prediction.SelfCheck
import java.text.NumberFormat

/** What the app says, in the language and the numbers of the phone. */
internal class Texts(private val context: Context) {
    fun name(bundle: Bundle): String =
        context.getString(R.string.bundle_name, bundle.name, bundle.rung)

    /** Task, precision, engine, size and origin of a bundle in the list. */
    fun details(bundle: Bundle, origin: Origin): String =
        context.getString(
            R.string.bundle_details,
            context.getString(task(bundle.task)),
            bundle.precision,
            engine(bundle.engine),
            size(bundle.modelBytes),
            context.getString(origin(origin)),
        )

    fun removal(listed: ListedBundle): String =
        context.getString(
            R.string.remove_bundle_question,
            listed.bundle?.let(::name) ?: listed.folderName,
            context.getString(origin(listed.origin)),
        )

    fun broken(listed: ListedBundle, message: String): String =
        context.getString(
            R.string.broken_bundle,
            listed.folderName,
            context.getString(origin(listed.origin)),
            message,
        )

    /** Engine with its delegate, and precision. */
    fun runtime(state: SideState): String {
        val engine = engine(state.bundle.engine)
        val (precision, scheme) = Pair(state.bundle.precision, state.bundle.scheme)
        val delegate =
            state.delegate
                ?: return context.getString(R.string.side_runtime_plain, engine, precision, scheme)
        return context.getString(R.string.side_runtime, engine, delegate, precision, scheme)
    }

    fun prediction(prediction: Prediction): String =
        context.getString(
            R.string.prediction,
            prediction.label,
            percent(prediction.probability),
        )

    fun spoken(prediction: Prediction): String =
        context.getString(
            R.string.answer_spoken,
            prediction.label,
            percent(prediction.probability),
        )

    /** This inference, and the median of the last. */
    fun time(milliseconds: Double, median: Double, runs: Int): String =
        if (runs == 1) {
            context.getString(R.string.time_first, milliseconds(milliseconds))
        } else {
            context.resources.getQuantityString(
                R.plurals.time,
                runs,
                runs,
                milliseconds(milliseconds),
                milliseconds(median),
            )
        }

    fun modelSize(bytes: Long): String = context.getString(R.string.model_size, size(bytes))

    fun processMemory(bytes: Long): String =
        context.getString(R.string.process_memory, size(bytes))

    fun check(check: Outcome<SelfCheck?>?): String =
        when (check) {
            null -> {
                context.getString(R.string.checking)
            }

            is Outcome.Failure -> {
                context.getString(R.string.check_failed, check.problem.message)
            }

            is Outcome.Success -> {
                check.value?.let { found ->
                    context.resources.getQuantityString(
                        R.plurals.check,
                        found.samples,
                        found.samples,
                        number(found.maxAbs, CHECK_DIGITS),
                        found.sameTop,
                    )
                } ?: context.getString(R.string.no_check)
            }
        }

    /** What distillation bought: "37 × smaller, 9 × faster, same answer". */
    fun comparison(comparison: Comparison): String =
        context.getString(
            R.string.comparison,
            when (val size = comparison.size) {
                is Ratio.Less -> context.getString(R.string.smaller, factor(size.factor))
                else -> context.getString(R.string.same_size)
            },
            when (val time = comparison.time) {
                is Ratio.Less -> context.getString(R.string.faster, factor(time.factor))
                is Ratio.More -> context.getString(R.string.slower, factor(time.factor))
                Ratio.Same -> context.getString(R.string.same_speed)
            },
            context.getString(
                if (comparison.sameAnswer) R.string.same_answer else R.string.another_answer,
            ),
        )

    private fun engine(name: EngineName): String =
        context.getString(
            when (name) {
                EngineName.LITERT -> R.string.engine_litert
                EngineName.EXECUTORCH -> R.string.engine_executorch
                EngineName.ONNX -> R.string.engine_onnx
            },
        )

    private fun task(task: Task): Int =
        when (task) {
            Task.IMAGE -> R.string.task_image
            Task.SOUND -> R.string.task_sound
            Task.TEXT -> R.string.task_text
            Task.NUMBERS -> R.string.task_numbers
        }

    private fun origin(origin: Origin): Int =
        when (origin) {
            Origin.SHIPPED -> R.string.origin_shipped
            Origin.PUSHED -> R.string.origin_pushed
            Origin.OPENED -> R.string.origin_opened
        }

    private fun size(bytes: Long): String = Formatter.formatShortFileSize(context, bytes)

    private fun milliseconds(value: Double): String =
        context.getString(R.string.milliseconds, number(value, TIME_DIGITS))

    private fun percent(share: Double): String =
        NumberFormat.getPercentInstance().apply { maximumFractionDigits = 1 }.format(share)

    private fun factor(value: Double): String = number(roundedFactor(value), 1)

    private fun number(value: Double, digits: Int): String =
        NumberFormat.getNumberInstance().apply { maximumFractionDigits = digits }.format(value)

    private companion object {
        const val TIME_DIGITS = 3
        const val CHECK_DIGITS = 6
    }
}
