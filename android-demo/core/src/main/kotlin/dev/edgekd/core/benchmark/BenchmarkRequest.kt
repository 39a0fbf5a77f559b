package dev.edgekd.core.benchmark

import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.problem.Problem
import java.io.File

/** What one start is for. */
enum class Pass(val label: String) {
    /** Single inferences are timed. */
    LATENCY("latency"),

    /** The process's memory is read after the same, without timing. */
    MEMORY("memory"),

    /** Each sample is run once, and its outputs are kept. */
    OUTPUTS("outputs"),
}

/** What is to be run, as the intent names it. */
sealed interface Workload {
    /** As the harness asks: [golden] holds `input_0` and so on in the model's own dtypes. */
    class Files(
        val engine: EngineName,
        val model: File,
        val golden: File,
        /** The model's, in hexadecimal; null: any file will do. */
        val sha256: String?,
    ) : Workload

    /** As a user asks by hand: a folder with `bundle.json`, which names all of that. */
    class BundleFolder(val folder: File) : Workload
}

/**
 * One start of the benchmark Activity, by the extras of its intent.
 *
 * [warmup] and [iterations] count inferences; a pass for outputs has no use for them. [threads]
 * are those of one inference. [delegate] null: the engine's own choice.
 */
class BenchmarkRequest(
    val runId: String,
    val pass: Pass,
    val workload: Workload,
    val threads: Int,
    val warmup: Int,
    val iterations: Int,
    val delegate: String?,
) {
    companion object {
        private val RUN_ID = Regex("[0-9a-f]{32}")
        private val SHA256 = Regex("[0-9a-f]{64}")
        private const val MOST_INFERENCES = 1_000_000
        private val FILE_EXTRAS = setOf("model", "golden", "engine", "sha256")
        private val EXTRAS =
            setOf("run_id", "pass", "bundle", "threads", "warmup", "iterations", "delegate") +
                FILE_EXTRAS

        /** The extra `run_id`, without which no result can be named; null: it is not one. */
        fun runId(extras: Map<String, Any?>): String? =
            (extras["run_id"] as? String)?.takeIf { RUN_ID.matches(it) }

        /**
         * Read and check all extras; [files] is the app's folder of files, below which paths lie.
         *
         * Throws [Problem] (`request`) that names the extra which is wrong.
         */
        fun parse(extras: Map<String, Any?>, files: File): BenchmarkRequest {
            val given = Extras(extras)
            given.refuseOthersThan(EXTRAS)
            val pass = given.choice("pass", Pass.entries, Pass::label)
            val fewest = if (pass == Pass.OUTPUTS) 0 else 1
            return BenchmarkRequest(
                runId =
                    runId(extras)
                        ?: throw given.wrong("run_id", "is not 32 hexadecimal digits"),
                pass = pass,
                workload = workload(given, files),
                threads = given.number("threads", LoadOptions.THREADS),
                warmup = given.number("warmup", 0..MOST_INFERENCES),
                iterations = given.number("iterations", fewest..MOST_INFERENCES),
                delegate = given.optionalText("delegate"),
            )
        }

        private fun workload(given: Extras, files: File): Workload {
            if (given.optionalText("bundle") != null) {
                val other = FILE_EXTRAS.find { given.optionalText(it) != null }
                if (other != null) throw given.wrong(other, "does not go with the extra bundle")
                return Workload.BundleFolder(given.path("bundle", files))
            }
            val sha256 = given.optionalText("sha256")
            if (sha256 != null && !SHA256.matches(sha256)) {
                throw given.wrong("sha256", "is not 64 hexadecimal digits in lower case")
            }
            return Workload.Files(
                engine = given.choice("engine", EngineName.entries, EngineName::label),
                model = given.path("model", files),
                golden = given.path("golden", files),
                sha256 = sha256,
            )
        }
    }
}
