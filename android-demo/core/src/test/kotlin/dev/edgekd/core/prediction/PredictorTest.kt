package dev.edgekd.core.prediction

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.engine.NamedTensor
import dev.edgekd.core.preprocessing.assertProblem
import dev.edgekd.core.preprocessing.bundleOf
import dev.edgekd.core.preprocessing.imageBundle
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Quantization
import dev.edgekd.core.tensor.Quantizer
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.exp
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

class PredictorTest {
    @get:Rule
    val folder = TemporaryFolder()

    private val black = Sample.Image(1, 1, intArrayOf(0))
    private val white = Sample.Image(1, 1, intArrayOf(-1))

    /** Gives `factors * input`, as one dense layer on the first value of its input. */
    private class Dense(private val factors: List<Float>, private val spec: TensorSpec) :
        LoadedModel {
        override val delegate: String? = null
        override val inputs: List<TensorSpec>? = null
        var closed = false
        private var input = 0f
        private var output = Tensor.allocate(spec.dtype, spec.shape)

        override fun prepare(inputs: List<Tensor>) {
            input = Quantizer.realValues(inputs.single(), null)[0]
        }

        override fun invoke() {
            if (spec.dtype == DType.INT8) {
                val values = FloatArray(factors.size) { factors[it] * input }
                output = Quantizer.quantize(values, spec)
            } else {
                factors.forEachIndexed { index, factor ->
                    output.bytes.putFloat(
                        4 * index,
                        factor * input,
                    )
                }
            }
        }

        override fun results(): List<NamedTensor> = listOf(NamedTensor("y", output))

        override fun close() {
            closed = true
        }
    }

    private fun output(count: Int): TensorSpec = TensorSpec("y", DType.FLOAT32, listOf(1, count))

    private fun predictor(bundle: Bundle, vararg factors: Float): Predictor =
        Predictor(bundle, Dense(factors.toList(), bundle.outputs[0]))

    private fun image(output: TensorSpec = output(3), golden: File? = null): Bundle {
        val plain = imageBundle(1, 1, 1)
        return bundleOf(plain.inputs, plain.preprocessing, listOf(output), golden = golden)
    }

    /** `inputs` of one value, `outputs` of three, for each sample. */
    private fun golden(inputs: List<Float>, outputs: List<Float>): File {
        val middle = 4 * inputs.size
        val end = middle + 4 * outputs.size
        val header =
            """{"inputs": {"dtype": "F32", "shape": [${inputs.size}, 1, 1, 1],
            "data_offsets": [0, $middle]},
            "outputs": {"dtype": "F32", "shape": [${outputs.size / 3}, 3],
            "data_offsets": [$middle, $end]}}"""
        val size = 8 + header.length + end
        val content = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN)
        content.putLong(header.length.toLong()).put(header.toByteArray())
        (inputs + outputs).forEach { content.putFloat(it) }
        return folder.newFile().also { it.writeBytes(content.array()) }
    }

    @Test
    fun `classes come with their probabilities, the best first`() {
        val answer = predictor(image(), 1f, 3f, -2f).predict(white)
        assertEquals(listOf("b", "a", "c"), answer.predictions.map { it.label })
        val sum = exp(1.0) + exp(3.0) + exp(-2.0)
        assertEquals(exp(3.0) / sum, answer.predictions[0].probability, 1e-9)
        assertEquals(1.0, answer.predictions.sumOf { it.probability }, 1e-9)
        assertTrue(answer.milliseconds >= 0)
    }

    @Test
    fun `large logits do not overflow`() {
        val answer = predictor(image(), 1e30f, -1e30f, 1e30f).predict(white)
        assertEquals(listOf(0.5, 0.5, 0.0), answer.predictions.map { it.probability })
    }

    @Test
    fun `quantized outputs are turned back`() {
        val spec = output(3).copy(dtype = DType.INT8, quantization = Quantization(0.5f, 10))
        val best = predictor(image(spec), 1f, 3f, -2f).predict(white).predictions[0]
        assertEquals(exp(3.0) / (exp(1.0) + exp(3.0) + exp(-2.0)), best.probability, 1e-6)
    }

    @Test
    fun `an output that is no number is an error of the engine`() {
        for (factor in listOf(Float.NaN, Float.POSITIVE_INFINITY)) {
            assertProblem(Reason.ENGINE, "NaN or infinite") {
                predictor(image(), 0f, factor, 0f).predict(white)
            }
        }
    }

    @Test
    fun `samples of another kind are refused`() {
        val predictor = predictor(image(), 0f, 0f, 0f)
        assertProblem(
            Reason.REQUEST,
            "takes image, not text",
        ) { predictor.predict(Sample.Text("x")) }
        assertProblem(Reason.REQUEST, "not sound") {
            predictor.predict(Sample.Sound(floatArrayOf(0f), 8000))
        }
        assertProblem(Reason.INPUTS, "cannot hold") {
            predictor.predict(Sample.Image(2, 2, intArrayOf(0)))
        }
    }

    @Test
    fun `plain numbers cannot be shown, but checked`() {
        val numbers =
            bundleOf(image().inputs, null, golden = golden(listOf(1f), listOf(1f, 2f, 3f)))
        val predictor = predictor(numbers, 1f, 2f, 3f)
        assertProblem(Reason.REQUEST, "takes numbers, not image: it can only be measured") {
            predictor.predict(black)
        }
        assertEquals(0.0, predictor.selfCheck()?.maxAbs)
    }

    @Test
    fun `labels that do not fit the output are refused`() {
        assertProblem(Reason.MODEL, "gives 4 values for 3 labels") {
            predictor(image(output(4)), 1f, 2f, 3f, 4f).predict(white)
        }
    }

    @Test
    fun `the self-check compares with the golden outputs`() {
        val file = golden(listOf(1f, 2f), listOf(1f, 3.5f, 0f, 9f, 6f, 0f))
        val check = checkNotNull(predictor(image(golden = file), 1f, 3f, 0f).selfCheck())
        assertEquals(2, check.samples)
        assertEquals(7.0, check.maxAbs)
        assertEquals(1, check.sameTop)
        assertNull(predictor(image(), 1f, 3f, 0f).selfCheck())
    }

    @Test
    fun `golden files that do not fit are refused`() {
        val uneven = golden(listOf(1f), listOf(1f, 2f, 3f, 4f, 5f, 6f))
        val none = golden(emptyList(), emptyList())
        for (file in listOf(uneven, none)) {
            assertProblem(Reason.MODEL, "golden file") {
                predictor(image(golden = file), 1f, 2f, 3f).selfCheck()
            }
        }
        val fewer = golden(listOf(1f), listOf(1f, 2f, 3f))
        assertProblem(Reason.MODEL, "gives 4 values") {
            predictor(image(output(4), fewer), 1f, 2f, 3f, 4f).selfCheck()
        }
    }

    @Test
    fun `closing closes the model`() {
        val bundle = image()
        val model = Dense(listOf(1f, 2f, 3f), bundle.outputs[0])
        Predictor(bundle, model).close()
        assertTrue(model.closed)
    }
}
