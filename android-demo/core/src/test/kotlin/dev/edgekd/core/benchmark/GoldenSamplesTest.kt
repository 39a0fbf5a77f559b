package dev.edgekd.core.benchmark

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Quantization
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class GoldenSamplesTest {
    private val stored = floats(listOf(2, 3), 1f, 2f, 3f, 4f, 5f, 6f)

    private fun shapeFor(declared: List<Int>?, spec: TensorSpec?): List<Int> =
        GoldenSamples(listOf(GoldenInput("input_0", stored, declared)))
            .rows(spec?.let { listOf(it) })[1][0]
            .shape

    private fun spec(vararg shape: Int, dtype: DType = DType.FLOAT32): TensorSpec =
        TensorSpec("x", dtype, shape.toList())

    private fun wrong(action: () -> Unit): String {
        val problem = assertFailsWith<Problem> { action() }
        assertEquals(Reason.INPUTS, problem.reason)
        return problem.message
    }

    @Test
    fun `each sample is a view of its values`() {
        val rows = GoldenSamples(listOf(GoldenInput("input_0", stored, null))).rows(null)
        val values = rows.map { row -> (0 until 3).map { row[0].bytes.getFloat(it * 4) } }
        assertEquals(listOf(listOf(1f, 2f, 3f), listOf(4f, 5f, 6f)), values)
    }

    @Test
    fun `the shape with its batch`() {
        assertEquals(listOf(1, 3), shapeFor(null, null))
        assertEquals(listOf(1, 3), shapeFor(null, spec(1, 3)))
        assertEquals(listOf(1, 3), shapeFor(null, spec(-1, 3)))
        assertEquals(listOf(3), shapeFor(null, spec(3)))
        assertEquals(listOf(3), shapeFor(listOf(3), null))
        assertEquals(listOf(1, 3), shapeFor(listOf(1, 3), spec(1, 3)))
    }

    @Test
    fun `another shape or dtype than the model's`() {
        for (other in listOf(spec(1, 4), spec(1, 1, 3), spec(), spec(1, 3, dtype = DType.INT8))) {
            assertContains(wrong { shapeFor(null, other) }, "input_0 holds float32 [1, 3]")
        }
        assertContains(wrong { shapeFor(listOf(3), spec(1, 3)) }, "takes float32 [1, 3]")
        assertContains(wrong { shapeFor(listOf(1, 4), null) }, "said to be of [1, 4]")
        val two = List(2) { GoldenInput("input_$it", stored, null) }
        assertContains(wrong { GoldenSamples(two).rows(listOf(spec(1, 3))) }, "of 2 inputs")
    }

    @Test
    fun `NaN and infinity`() {
        for (value in listOf(Float.NaN, Float.NEGATIVE_INFINITY)) {
            val tensor = floats(listOf(1, 2), 0f, value)
            assertContains(wrong { GoldenInput("input_0", tensor, null) }, "NaN or infinity")
        }
        for (bits in listOf(0x7C00, 0xFC00, 0x7E00)) {
            val half = Tensor.allocate(DType.FLOAT16, listOf(2, 1))
            half.bytes.putShort(2, bits.toShort())
            assertContains(wrong { GoldenInput("input_0", half, null) }, "NaN or infinity")
        }
        val double = Tensor.allocate(DType.FLOAT64, listOf(1, 1))
        double.bytes.putDouble(0, Double.NaN)
        assertContains(wrong { GoldenInput("input_0", double, null) }, "NaN or infinity")
        double.bytes.putDouble(0, 1e300)
        assertEquals(1, GoldenInput("input_0", double, null).samples)
    }

    @Test
    fun `no samples`() {
        for (shape in listOf(listOf(0, 3), listOf(3, 0), listOf(1 shl 30, 0))) {
            val empty = Tensor.allocate(DType.INT8, shape)
            assertContains(wrong { GoldenInput("input_0", empty, null) }, "no samples")
        }
        assertContains(wrong { GoldenInput("x", floats(emptyList(), 1f), null) }, "single number")
        assertContains(wrong { GoldenSamples(emptyList()) }, "inputs hold []")
        val uneven =
            listOf(GoldenInput("a", stored, null), GoldenInput("b", floats(listOf(1), 1f), null))
        assertContains(wrong { GoldenSamples(uneven) }, "[2, 1] samples")
    }

    @Test
    fun `the samples of a bundle are quantized as its input is`() {
        val int8 = spec(1, 3, dtype = DType.INT8).copy(quantization = Quantization(0.5f, -1))
        val found = storedAs(int8, stored)
        assertEquals(listOf(2, 3), found.shape)
        assertEquals(listOf<Byte>(1, 3, 5, 7, 9, 11), (0 until 6).map { found.bytes.get(it) })
        assertEquals(stored, storedAs(spec(1, 3), stored))
        wrong { storedAs(spec(1, 3, dtype = DType.INT64), stored) }
    }
}
