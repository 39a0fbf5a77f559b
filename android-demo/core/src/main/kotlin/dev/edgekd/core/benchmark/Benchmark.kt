package dev.edgekd.core.benchmark

import dev.edgekd.core.engine.Engine
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.problemOf
import java.io.File

/**
 * Does what one intent asks for; the contract is in edgekd's `devices/adb/application.py`.
 *
 * [engineOf] gives the runtimes of this app; asked for one that is not in it, it may throw.
 */
class Benchmark(
    private val engineOf: (EngineName) -> Engine,
    private val probe: PhoneProbe,
) {
    /**
     * Do one pass, and write its result or its error below [files], the app's folder of files.
     *
     * Throws nothing. Returns the one line for the log, which is all of its message:
     * `EDGEKD_DONE RUN_ID`, or `EDGEKD_FAILED RUN_ID why` where no file could be written.
     */
    fun run(extras: Map<String, Any?>, files: File): String {
        val runId =
            BenchmarkRequest.runId(extras)
                ?: return "$FAILED request: extra run_id is not 32 hexadecimal digits"
        return try {
            val record = RunRecord(runId, extras)
            val result = ResultFile(files, runId)
            record.problem =
                refusal { result.reserve() } ?: refusal { measure(extras, files, record) }
            result.write(record)
            "$DONE $runId"
        } catch (error: Throwable) {
            val problem = problemOf(error)
            "$FAILED $runId ${problem.reason.label}: ${problem.message}"
        }
    }

    private fun refusal(action: () -> Unit): Problem? =
        try {
            action()
            null
        } catch (error: Throwable) {
            problemOf(error)
        }

    private fun measure(extras: Map<String, Any?>, files: File, record: RunRecord) {
        record.application = probe.application
        record.probed = probe.probed()
        val request = BenchmarkRequest.parse(extras, files)
        val subject = Subject.of(request.workload)
        record.engine = subject.engine
        record.modelSha256 = subject.modelSha256()
        val run = PassRun(engineOf, probe, request, subject, record)
        val before = probe.condition()
        record.condition = before
        val figures = run.figures()
        record.condition = worse(before, probe.condition())
        record.figures = figures
    }

    private companion object {
        const val DONE = "EDGEKD_DONE"
        const val FAILED = "EDGEKD_FAILED"
    }
}
