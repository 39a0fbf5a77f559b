package dev.edgekd.core.benchmark

import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.problem.Problem

/**
 * What is known of one start so far; an error finds here what came before it.
 *
 * Pass, engine and threads are null where the extras are wrong there.
 */
internal class RunRecord(val runId: String, extras: Map<String, Any?>) {
    val pass: Pass? = Pass.entries.find { it.label == extras["pass"] }
    val threads: Int? = (extras["threads"] as? Int)?.takeIf { it in LoadOptions.THREADS }
    var engine: EngineName? = EngineName.entries.find { it.label == extras["engine"] }

    var application: String = ""
    var engineVersion: String? = null
    var delegate: String? = null
    var modelSha256: String? = null
    var probed: Probed? = null
    var condition: Condition? = null

    /** What the pass found, or why it found nothing. */
    var figures: Figures? = null
    var problem: Problem? = null

    /** Keep only what fits a few KiB: no result, but [problem] instead of it. */
    fun forget(problem: Problem) {
        figures = null
        probed = null
        this.problem = problem
    }
}
