package dev.edgekd.core.tensor

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.math.BigDecimal
import java.math.RoundingMode
import java.util.Random
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class QuantizerTest {
    private fun spec(dtype: DType, count: Int, quantization: Quantization? = null) =
        TensorSpec("x", dtype, listOf(1, count), Layout.NC, quantization)

    private fun stored(dtype: DType, scale: Float, zeroPoint: Int, values: FloatArray): List<Int> {
        val spec = spec(dtype, values.size, Quantization(scale, zeroPoint))
        return Quantizer.realValues(Quantizer.quantize(values, spec), null).map { it.toInt() }
    }

    @Test
    fun tiesGoAwayFromZero() {
        val values = floatArrayOf(0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 0.49999997f, -0.49999997f)
        val expected = listOf(1, 2, 3, -1, -2, -3, 0, 0)
        assertEquals(expected, stored(DType.INT8, 1f, 0, values))
        assertEquals(expected, stored(DType.INT16, 1f, 0, values))
        assertEquals(expected.map { it + 100 }, stored(DType.UINT8, 1f, 100, values))
    }

    @Test
    fun whatIsBeyondTheRangeTakesItsEnd() {
        val values = floatArrayOf(1e9f, -1e9f, Float.MAX_VALUE, -Float.MAX_VALUE)
        assertEquals(listOf(127, -128, 127, -128), stored(DType.INT8, 1e-3f, 5, values))
        assertEquals(listOf(255, 0, 255, 0), stored(DType.UINT8, 1e-3f, 5, values))
        val spec = spec(DType.INT32, 2, Quantization(1e-3f, 5))
        val wide = Quantizer.quantize(floatArrayOf(1e30f, -1e30f), spec).bytes
        assertEquals(listOf(Int.MAX_VALUE, Int.MIN_VALUE), listOf(wide.getInt(0), wide.getInt(4)))
    }

    @Test
    fun agreesWithExactDecimals() {
        val random = Random(4)
        repeat(200) {
            val quantization =
                Quantization(
                    random.nextFloat() / 50 + 1e-4f,
                    random.nextInt(256) - 128,
                )
            val values = FloatArray(100) { random.nextGaussian().toFloat() }
            val tensor = Quantizer.quantize(values, spec(DType.INT8, 100, quantization))
            val expected =
                values.map { value ->
                    val scaled = BigDecimal((value / quantization.scale).toDouble())
                    val whole = scaled.setScale(0, RoundingMode.HALF_UP).toInt()
                    (whole + quantization.zeroPoint).coerceIn(-128, 127).toByte()
                }
            assertContentEquals(
                expected.toByteArray(),
                ByteArray(100).also { tensor.view().get(it) },
            )
            val real = expected.map { quantization.scale * (it - quantization.zeroPoint).toFloat() }
            assertContentEquals(real.toFloatArray(), Quantizer.realValues(tensor, quantization))
        }
    }

    @Test
    fun floatsAreKeptAsTheTypeHoldsThem() {
        val values = floatArrayOf(0.1f, -65_536f, 1e-8f, 2049f)
        val wide = listOf(DType.FLOAT32, DType.FLOAT64)
        for (dtype in wide) {
            val tensor = Quantizer.quantize(values, spec(dtype, 4))
            assertContentEquals(values, Quantizer.realValues(tensor, null))
        }
        val half = Quantizer.realValues(Quantizer.quantize(values, spec(DType.FLOAT16, 4)), null)
        assertContentEquals(floatArrayOf(0.099975586f, Float.NEGATIVE_INFINITY, 0f, 2048f), half)
    }

    @Test
    fun integersWithoutAScaleAreThemselves() {
        val tensor = Tensor.allocate(DType.INT64, listOf(2))
        tensor.bytes.putLong(0, 70_000).putLong(8, -1)
        assertContentEquals(floatArrayOf(70_000f, -1f), Quantizer.realValues(tensor, null))
        val bytes = Tensor.allocate(DType.UINT8, listOf(1))
        bytes.bytes.put(0, -1)
        assertContentEquals(floatArrayOf(255f), Quantizer.realValues(bytes, null))
    }

    @Test
    fun refusesWithTheReasonInputs() {
        val scaled = Quantization(0.1f, 0)
        val refused =
            listOf(
                { Quantizer.quantize(floatArrayOf(Float.NaN), spec(DType.INT8, 1, scaled)) },
                { Quantizer.quantize(floatArrayOf(Float.NaN), spec(DType.FLOAT32, 1)) },
                {
                    Quantizer.quantize(
                        floatArrayOf(Float.NEGATIVE_INFINITY),
                        spec(DType.FLOAT16, 1),
                    )
                },
                { Quantizer.quantize(floatArrayOf(1f), spec(DType.FLOAT32, 2)) },
                { Quantizer.quantize(floatArrayOf(1f), spec(DType.INT8, 1)) },
                { Quantizer.quantize(floatArrayOf(1f), spec(DType.INT64, 1)) },
                { Quantizer.realValues(Tensor.allocate(DType.FLOAT32, listOf(1)), scaled) },
            )
        for (refuse in refused) {
            val problem = assertFailsWith<Problem> { refuse() }
            assertEquals(Reason.INPUTS, problem.reason)
            assertTrue(problem.message.isNotBlank())
        }
    }
}
