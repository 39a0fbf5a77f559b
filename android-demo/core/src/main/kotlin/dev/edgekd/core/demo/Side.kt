package dev.edgekd.core.demo

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.engine.Engine
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.prediction.Answer
import dev.edgekd.core.prediction.Predictor
import dev.edgekd.core.prediction.SelfCheck
import java.io.Closeable

/** What one side of the comparison shows; null: not there yet. */
data class SideState(
    val bundle: Bundle,
    val delegate: String? = null,
    val selfCheck: Outcome<SelfCheck?>? = null,
    val answer: Outcome<Answer>? = null,
    val medianMilliseconds: Double? = null,
    val runs: Int = 0,
)

/** One loaded model with what it has shown so far. Used by one thread. */
class Side private constructor(
    private val predictor: Predictor,
    delegate: String?,
) : Closeable {
    private val times = RunningMedian()

    /** What there is to show now. */
    var state: SideState = SideState(predictor.bundle, delegate)
        private set

    /** Run the bundle's golden samples, and remember how far they are from PyTorch's. */
    fun check() {
        state = state.copy(selfCheck = attempt { predictor.selfCheck() })
    }

    /** One inference on [input]; a failure is an answer as well. */
    fun predict(input: Input) {
        val answer = attempt { predictor.predict(input.sampleFor(predictor.bundle)) }
        answer.valueOrNull()?.let { times.add(it.milliseconds) }
        state =
            state.copy(
                answer = answer,
                medianMilliseconds = times.median,
                runs = times.count,
            )
    }

    /** There is no input any more. The times stay for the median. */
    fun clear() {
        state = state.copy(answer = null)
    }

    override fun close() = predictor.close()

    companion object {
        /** Throws [dev.edgekd.core.problem.Problem] as [Engine.load] does. */
        fun load(bundle: Bundle, engineOf: (EngineName) -> Engine): Side {
            val model = engineOf(bundle.engine).load(bundle.model, LoadOptions(THREADS))
            return Side(Predictor(bundle, model), model.delegate)
        }

        /** One: small models gain nothing from more, and both sides are asked the same. */
        private const val THREADS = 1
    }
}
