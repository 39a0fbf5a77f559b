package dev.edgekd.core.benchmark

import com.sun.management.ThreadMXBean
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.engine.NamedTensor
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import java.lang.management.ManagementFactory
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class PassesTest {
    private val journal = ArrayList<String>()
    private val rows = List(3) { listOf(floats(listOf(1, 1), it.toFloat())) }

    private fun model(vararg lines: String): LoadedModel =
        SumModel(lines.toList(), LoadOptions(1), journal)

    @Test
    fun `the timed inferences go round the samples`() {
        val taken = timeInferences(model(), rows, warmup = 2, iterations = 3)
        assertEquals(3, taken.size)
        assertTrue(taken.all { it > 0 })
        val samples = listOf("0.0", "1.0", "2.0", "0.0", "1.0")
        assertEquals(samples.flatMap { listOf("prepare $it", "invoke") }, journal)
    }

    @Test
    fun `only the inference is timed`() {
        val slow = SlowModel()
        val taken = timeInferences(slow, rows, warmup = 1, iterations = 4)
        assertTrue(taken.all { it >= SlowModel.INVOKE_NANOSECONDS }, taken.toList().toString())
        // Preparing takes longer than an inference, so that it cannot hide in one.
        assertTrue(taken.min() < SlowModel.PREPARE_NANOSECONDS, taken.toList().toString())
    }

    @Test
    fun `nothing is allocated between two inferences`() {
        val model = AllocationModel()
        timeInferences(model, rows, warmup = 10, iterations = 200)
        assertEquals(List(419) { 0L }, model.between.slice(1 until 420))
    }

    @Test
    fun `the memory pass does as many`() {
        runInferences(model(), rows, 4)
        assertEquals(8, journal.size)
    }

    @Test
    fun `outputs of all samples`() {
        val outputs = collectOutputs(model("output=int8 2,5"), rows)
        assertEquals(listOf("sum", "same", "output=0"), outputs.map { it.name })
        assertEquals(listOf(3, 1), outputs[0].shape)
        assertEquals(listOf(3, 2, 5), outputs[2].shape)
        assertEquals(30, outputs[2].data.size)
        val sums = Tensor(DType.FLOAT32, listOf(3), java.nio.ByteBuffer.wrap(outputs[0].data))
        assertEquals(listOf(0f, 1f, 2f), (0 until 3).map { sums.bytes.getFloat(it * 4) })
        assertEquals(
            rows.flatMap { listOf("prepare ${it[0].bytes.getFloat(0)}", "invoke") },
            journal,
        )
    }

    @Test
    fun `outputs that fit no result`() {
        assertEquals(
            1 shl 22,
            collectOutputs(model("output=int8 ${1 shl 22}"), rows.take(1))[2].data.size,
        )
        assertContains(wrong(Reason.REQUEST, "output=int8 1,${(1 shl 22) / 3 + 1}"), "fewer golden")
        val many = Array(16) { "output=int8 1,${(1 shl 22) / 3}" }
        assertContains(wrong(Reason.REQUEST, *many), "20971520 for all")
        assertContains(wrong(Reason.ENGINE, *Array(63) { "output=int8 1" }), "65 outputs")
        assertContains(wrong(Reason.ENGINE, "output=int8 2,1,1,1,1,1,1,1"), "has the shape")
        assertContains(wrong(Reason.ENGINE, "changes"), "gave 1 outputs, unlike the first")
    }

    private fun wrong(reason: Reason, vararg lines: String): String {
        val problem = assertFailsWith<Problem> { collectOutputs(model(*lines), rows) }
        assertEquals(reason, problem.reason)
        return problem.message
    }
}

private abstract class OneInput : LoadedModel {
    override val delegate: String? = null
    override val inputs: List<TensorSpec>? = null

    override fun results(): List<NamedTensor> = emptyList()

    override fun close() = Unit
}

/** Takes at least these times, by a clock that is looked at until they are over. */
private class SlowModel : OneInput() {
    override fun prepare(inputs: List<Tensor>) = pass(PREPARE_NANOSECONDS)

    override fun invoke() = pass(INVOKE_NANOSECONDS)

    private fun pass(nanoseconds: Long) {
        val begun = System.nanoTime()
        while (System.nanoTime() - begun < nanoseconds) Thread.yield()
    }

    companion object {
        const val INVOKE_NANOSECONDS = 100_000L
        const val PREPARE_NANOSECONDS = 20_000_000L
    }
}

/** Counts the bytes that its thread allocates from the end of one call to the start of the next. */
private class AllocationModel : OneInput() {
    private val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
    private val thread = Thread.currentThread().id
    private var before = 0L
    private var calls = 0
    val between = LongArray(1000)

    override fun prepare(inputs: List<Tensor>) = look()

    override fun invoke() = look()

    private fun look() {
        between[calls++] = threads.getThreadAllocatedBytes(thread) - before
        before = threads.getThreadAllocatedBytes(thread)
    }
}
