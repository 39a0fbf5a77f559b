package dev.edgekd.core.benchmark

import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNull

class BenchmarkRequestTest {
    private val folder = BenchmarkFolder()

    private fun parse(vararg changes: Pair<String, Any?>): BenchmarkRequest =
        BenchmarkRequest.parse(folder.extras(*changes), folder.files)

    @Test
    fun `what the harness asks for`() {
        val request = parse("threads" to 4, "warmup" to 50, "iterations" to 1000)
        assertEquals(RUN_ID, request.runId)
        assertEquals(Pass.LATENCY, request.pass)
        assertEquals(
            listOf(4, 50, 1000),
            listOf(request.threads, request.warmup, request.iterations),
        )
        assertNull(request.delegate)
        val workload = assertIs<Workload.Files>(request.workload)
        assertEquals(EngineName.ONNX, workload.engine)
        assertEquals(File(folder.files, "model.sum").canonicalFile, workload.model)
        assertEquals(File(folder.files, "golden.safetensors").canonicalFile, workload.golden)
        assertNull(workload.sha256)
    }

    @Test
    fun `what may be left out`() {
        val hash = "a".repeat(64)
        val request = parse("delegate" to "xnnpack", "sha256" to hash, "pass" to "memory")
        assertEquals("xnnpack", request.delegate)
        assertEquals(hash, assertIs<Workload.Files>(request.workload).sha256)
    }

    @Test
    fun `a pass for outputs counts no inferences`() {
        val request = parse("pass" to "outputs", "iterations" to 0, "warmup" to 0)
        assertEquals(0, request.iterations)
    }

    @Test
    fun `a bundle by hand`() {
        val none = arrayOf("model" to null, "golden" to null, "engine" to null)
        val workload = parse("bundle" to "bundles/digits", *none).workload
        val named = assertIs<Workload.BundleFolder>(workload).folder
        assertEquals(File(folder.files, "bundles/digits").canonicalFile, named)
        assertEquals("extra engine", wrong("bundle" to "b", "model" to null, "golden" to null))
    }

    @Test
    fun `each wrong extra is named`() {
        val numbers = listOf("threads", "warmup", "iterations")
        for (name in listOf("pass", "model", "golden", "engine") + numbers) {
            assertEquals("extra $name", wrong(name to null))
        }
        for (name in listOf("pass", "model", "golden", "engine", "delegate", "sha256")) {
            assertEquals("extra $name", wrong(name to 1))
            assertEquals("extra $name", wrong(name to ""))
            assertEquals("extra $name", wrong(name to "x".repeat(1001)))
        }
        for (name in numbers) {
            for (value in listOf("1", 1L, 1.0, true, -1, 1_000_001)) {
                assertEquals("extra $name", wrong(name to value))
            }
        }
        assertEquals("extra threads", wrong("threads" to 0))
        assertEquals("extra threads", wrong("threads" to 65))
        assertEquals("extra iterations", wrong("iterations" to 0))
        assertEquals("extra iterations", wrong("iterations" to 0, "pass" to "memory"))
        assertEquals("extra pass", wrong("pass" to "power"))
        assertEquals("extra engine", wrong("engine" to "c"))
        assertEquals("extra sha256", wrong("sha256" to "A".repeat(64)))
        assertEquals("extra iteration", wrong("iteration" to 1))
    }

    @Test
    fun `what Android adds is left alone`() {
        assertEquals(3, parse("android.intent.extra.REFERRER" to 1).iterations)
    }

    @Test
    fun `paths stay below the folder of files`() {
        Files.createSymbolicLink(File(folder.files, "out").toPath(), File("/etc").toPath())
        for (path in listOf("..", ".", "../x", "a/../../x", "out/passwd", "a\u0000b")) {
            assertEquals("extra model", wrong("model" to path))
            assertEquals("extra golden", wrong("golden" to path))
        }
        val workload = assertIs<Workload.Files>(parse("model" to "/a/../b").workload)
        assertEquals(File(folder.files, "b").canonicalFile, workload.model)
    }

    @Test
    fun `a run that no file can be named after`() {
        for (id in listOf(null, 1, "", RUN_ID + "0", RUN_ID.uppercase(), "../../x", "$RUN_ID\n")) {
            assertNull(BenchmarkRequest.runId(mapOf("run_id" to id)))
            assertEquals("extra run_id", wrong("run_id" to id))
        }
    }

    /** The first two words of the message. */
    private fun wrong(vararg changes: Pair<String, Any?>): String {
        val problem = assertFailsWith<Problem>(changes.toList().toString()) { parse(*changes) }
        assertEquals(Reason.REQUEST, problem.reason)
        assertContains(problem.message, " ")
        return problem.message
            .split(' ')
            .take(2)
            .joinToString(" ")
    }
}
