package dev.edgekd.core.benchmark

import dev.edgekd.core.engine.Engine
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.engine.delegateOf
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/** Loads the model as often as the pass asks for, and does the pass. */
internal class PassRun(
    private val engineOf: (EngineName) -> Engine,
    private val probe: PhoneProbe,
    private val request: BenchmarkRequest,
    private val subject: Subject,
    private val record: RunRecord,
) {
    private val samples = subject.samples()

    /** Throws [Problem], and the errors, as of memory and of linking, that a runtime throws. */
    fun figures(): Figures =
        when (request.pass) {
            Pass.LATENCY -> latency()
            Pass.MEMORY -> memory()
            Pass.OUTPUTS -> outputs()
        }

    /** Both loads come before the inferences, which then run on the model of the second. */
    private fun latency(): Figures {
        val begun = System.nanoTime()
        val first = load()
        val cold = millisecondsSince(begun)
        blaming(Reason.ENGINE) { first.close() }
        val again = System.nanoTime()
        val model = load()
        val load = LoadTimes(cold, millisecondsSince(again))
        return using(model) { _, rows ->
            val taken = timeInferences(model, rows, request.warmup, request.iterations)
            val samples = DoubleArray(taken.size) { milliseconds(taken[it]) }
            LatencyFigures(load, request.warmup, samples)
        }
    }

    private fun memory(): Figures {
        val before = probe.memory()
        return using(load()) { model, rows ->
            runInferences(model, rows, request.warmup + request.iterations)
            MemoryFigures(before, probe.memory())
        }
    }

    private fun outputs(): Figures =
        using(load()) { model, rows -> OutputFigures(collectOutputs(model, rows)) }

    /**
     * The runtime and the model. The first time in a process this loads the runtime's libraries;
     * the file is in the system's cache, since its hash was computed.
     */
    private fun load(): LoadedModel {
        val engine = blaming(Reason.ENGINE) { engineOf(subject.engine) }
        record.engineVersion = blaming(Reason.ENGINE) { engine.version }
        val options = LoadOptions(request.threads, request.delegate)
        engine.delegateOf(options)
        return blaming(Reason.MODEL) { engine.load(subject.model, options) }
    }

    private fun <T> using(model: LoadedModel, action: (LoadedModel, List<Row>) -> T): T =
        blaming(Reason.ENGINE) {
            model.use {
                record.delegate = model.delegate
                action(model, samples.rows(model.inputs))
            }
        }

    private fun millisecondsSince(begun: Long): Double = milliseconds(System.nanoTime() - begun)

    private fun milliseconds(nanoseconds: Long): Double = nanoseconds / 1e6
}
