package dev.edgekd.core.benchmark

import dev.edgekd.core.problem.problemOf
import java.io.File
import java.io.IOException
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class ResultFileTest {
    private val files = Files.createTempDirectory("results").toFile()
    private val folder = File(files, "edgekd-bench/results")
    private val result = ResultFile(files, RUN_ID)
    private val record = RunRecord(RUN_ID, emptyMap())

    private fun names(): List<String> = folder.list().orEmpty().sorted()

    @Test
    fun `room is taken first and given back`() {
        result.reserve()
        assertEquals(8192, File(folder, "$RUN_ID.json.reserved").length())
        result.write(record)
        assertEquals(listOf("$RUN_ID.json"), names())
        val text = File(folder, "$RUN_ID.json").readText()
        assertTrue(text.startsWith("{\"schema\":1,") && text.endsWith("}\n"), text)
    }

    @Test
    fun `a result that cannot be written becomes an error in the room`() {
        result.reserve()
        // What stands in the way of the temporary file: a folder that is not empty.
        assertTrue(File(folder, "$RUN_ID.json.tmp/x").mkdirs())
        record.figures = LatencyFigures(LoadTimes(1.0, 1.0), 0, doubleArrayOf(1.0))
        record.probed = Probed("x".repeat(200), List(256) { "y".repeat(200) }, 4096)
        result.write(record)
        val written = File(folder, "$RUN_ID.json")
        assertEquals(8192, written.length())
        assertContains(written.readText(), "\"error\":{\"reason\":\"storage\",\"message\":")
        assertTrue("latency_ms" !in written.readText())
    }

    @Test
    fun `the longest error fits the room`() {
        result.reserve()
        assertTrue(File(folder, "$RUN_ID.json.tmp/${"\"".repeat(100)}").mkdirs())
        val quotes = "\"\u20AC".repeat(5000)
        record.application = quotes
        record.engineVersion = quotes
        record.delegate = quotes
        record.modelSha256 = "0".repeat(64)
        record.condition = Condition(6, 100.0, 100, 99.87654321, true)
        record.forget(problemOf(AssertionError(quotes)))
        result.write(record)
        assertEquals(8192, File(folder, "$RUN_ID.json").length())
    }

    @Test
    fun `no folder and no name`() {
        assertTrue(File(files, "edgekd-bench").createNewFile())
        assertFailsWith<IOException> { result.reserve() }
        assertFailsWith<IOException> { result.write(record) }
    }

    @Test
    fun `a name that is taken`() {
        result.reserve()
        assertTrue(File(folder, "$RUN_ID.json/x").mkdirs())
        assertFailsWith<IOException> { result.write(record) }
        assertEquals(listOf("$RUN_ID.json"), names())
    }
}
