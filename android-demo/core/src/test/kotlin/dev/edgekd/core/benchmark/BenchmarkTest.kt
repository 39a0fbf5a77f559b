package dev.edgekd.core.benchmark

import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Tensor
import java.io.File
import java.util.Base64
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class BenchmarkTest {
    private val milliseconds = 0.0..1e9

    @Test
    fun `a latency pass`() {
        val folder = BenchmarkFolder()
        val result = folder.result("threads" to 2, "delegate" to "other")
        assertEquals("core tests 1", result.text("application"))
        assertEquals(2, result.integer("threads", 1..64))
        val engine = result.fields("engine")
        assertEquals(
            "onnx sum 1 other",
            listOf("name", "version", "delegate").joinToString(" ") {
                engine.text(it)
            },
        )
        val timed = result.fields("latency_ms")
        val samples = timed.reals("samples", 10)
        assertEquals(listOf(3, 1), listOf("n", "warmup").map { timed.integer(it, 0..10) })
        assertEquals(samples.sorted()[1], timed.real("p50"))
        assertFalse(timed.has("p90") || timed.has("p99") || result.has("memory"))
        assertTrue(listOf("cold", "warm").all { result.fields("load_ms").real(it) in milliseconds })
    }

    @Test
    fun `nothing is asked of the phone between the loads and the last inference`() {
        val folder = BenchmarkFolder()
        folder.run()
        val inferences =
            listOf(
                "1.0",
                "3.0",
                "1.0",
                "3.0",
            ).flatMap { listOf("prepare $it", "invoke") }
        val loads = listOf("condition", "load", "close", "load")
        assertEquals(loads + inferences + listOf("close", "condition"), folder.journal)
    }

    @Test
    fun `a memory pass`() {
        val before = MemoryReading(1000, 10, 2000)
        val after = MemoryReading(5000, 50, 6000)
        val folder = BenchmarkFolder(readings = listOf(before, after))
        val memory = folder.result("pass" to "memory", "iterations" to 1).fields("memory")
        val names = listOf("pss_bytes", "pss_before_bytes", "native_heap_bytes", "peak_rss_bytes")
        assertEquals(listOf(5000L, 1000L, 50L, 6000L), names.map { memory.integer(it, 0L..9999L) })
        val inferences = listOf("1.0", "3.0").flatMap { listOf("prepare $it", "invoke") }
        val all =
            listOf("condition", "memory", "load") + inferences +
                listOf("memory", "close", "condition")
        assertEquals(all, folder.journal)
    }

    @Test
    fun `a pass for outputs`() {
        val folder = BenchmarkFolder()
        val result = folder.result("pass" to "outputs", "iterations" to 0, "warmup" to 0)
        val (sum, same) = result.fieldsList("outputs", 64)
        assertEquals(listOf(2L, 1L), sum.integers("shape", 8, 0L..9L))
        assertEquals(listOf(2L, 2L), same.integers("shape", 8, 0L..9L))
        val data = Base64.getDecoder().decode(sum.text("data"))
        val sums = Tensor(DType.FLOAT32, listOf(2), java.nio.ByteBuffer.wrap(data))
        assertEquals(listOf(3f, 7f), (0 until 2).map { sums.bytes.getFloat(it * 4) })
    }

    @Test
    fun `what the phone was like`() {
        val folder =
            BenchmarkFolder(
                listOf(Condition(0, 0.5, 90, 30.0, true), Condition(7, 0.7, 89, Double.NaN, false)),
            )
        val result = folder.result()
        val seen = result.fields("conditions")
        // What is no thermal status and no number is not told.
        assertFalse(seen.has("thermal_status") || seen.has("battery_celsius"))
        assertEquals(0.7, seen.real("thermal_headroom"))
        assertEquals(89, seen.integer("battery_percent", 0..100))
        assertEquals(listOf("fp", "asimd"), result.fields("device").texts("cpu_features", 9, 99))
    }

    @Test
    fun `requests that make no sense`() {
        val folder = BenchmarkFolder()
        assertContains(folder.error("engine" to "tensorrt"), "request: extra engine is 'tensorrt'")
        assertContains(folder.error("iterations" to 0), "request: extra iterations is 0")
        assertContains(folder.error("delegate" to "npu"), "request: onnx has no delegate npu")
        assertContains(folder.error("sha256" to "0".repeat(64)), "hash: model.sum has the hash")
        assertContains(folder.error("model" to "other.sum"), "model: there is no file")
        assertContains(
            folder.error("bundle" to "b", "model" to null),
            "request: extra golden does not",
        )
        val none = arrayOf("model" to null, "golden" to null, "engine" to null)
        assertContains(
            folder.error("bundle" to "bundles/digits", *none),
            "model: there is no bundle.json",
        )
        assertContains(
            folder.error("engine" to "executorch"),
            "engine: NoClassDefFoundError: org/py",
        )
        assertEquals(emptyList(), folder.journal.filter { it == "load" })
        val unknown = folder.result("engine" to "tensorrt", "pass" to 1, "threads" to 65)
        assertFalse(listOf("engine", "pass", "threads").any { unknown.has(it) })
    }

    @Test
    fun `samples that do not fit`() {
        val folder = BenchmarkFolder()
        folder.model("input=float32 1,3")
        assertContains(folder.error(), "inputs: golden samples: input_0 holds float32 [1, 2]")
        folder.model("input=float32 1,2")
        folder.golden(mapOf("input_0" to floats(listOf(1, 2), 0f, Float.NaN)))
        assertContains(folder.error(), "inputs: golden samples: input_0 holds NaN")
        folder.golden(mapOf("inputs" to floats(listOf(1, 2), 0f, 0f)))
        assertContains(folder.error(), "inputs: golden samples: no input_0")
        val shape = mapOf("input_0.shape" to "1,x")
        folder.golden(mapOf("input_0" to floats(listOf(1, 2), 0f, 0f)), shape)
        assertContains(folder.error(), "inputs: golden samples: input_0.shape is '1,x'")
        folder.golden(
            mapOf("input_0" to floats(listOf(1, 2), 0f, 0f)),
            mapOf("input_0.shape" to "1,2"),
        )
        assertFalse(folder.result().has("error"))
        File(folder.files, "golden.safetensors").writeBytes(ByteArray(100))
        assertContains(folder.error(), "inputs: ")
    }

    @Test
    fun `whatever a runtime throws becomes an error`() {
        val reasons =
            mapOf(
                "OutOfMemoryError" to "memory: OutOfMemoryError: no room for the model",
                "StackOverflowError" to "engine: StackOverflowError",
                "UnsatisfiedLinkError" to
                    "engine: UnsatisfiedLinkError: dlopen failed: libsum.so not found",
                "NoClassDefFoundError" to "engine: NoClassDefFoundError: org/sum/Sum",
                "InternalError" to "other: InternalError: a fault in mapped memory",
                "AssertionError" to
                    "other: AssertionError: " + "x".repeat(500 - "AssertionError: ".length),
                "Problem" to "inputs: this runtime takes no zeros",
            )
        val folder = BenchmarkFolder()
        for (where in listOf("load", "prepare", "invoke", "results", "close")) {
            for ((error, expected) in reasons) {
                folder.model("throw=$where $error")
                assertEquals(expected, folder.error("pass" to "outputs"), where)
            }
            for (exception in listOf("IllegalStateException", "Exception")) {
                folder.model("throw=$where $exception")
                val reason = if (where == "load") "model" else "engine"
                val expected = "$reason: $exception: the runtime said no"
                assertEquals(expected, folder.error("pass" to "outputs"))
            }
        }
        File(folder.files, "model.sum").writeText("sum-mod")
        assertEquals("model: is no sum model", folder.error())
    }

    @Test
    fun `a result that nobody can find is only told in the log`() {
        val folder = BenchmarkFolder()
        assertContains(folder.run("run_id" to "../x"), "EDGEKD_FAILED request: extra run_id")
        assertFalse(File(folder.files, "edgekd-bench").exists())
        assertTrue(File(folder.files, "edgekd-bench").createNewFile())
        assertContains(folder.run(), "EDGEKD_FAILED $RUN_ID storage: ")
    }
}
