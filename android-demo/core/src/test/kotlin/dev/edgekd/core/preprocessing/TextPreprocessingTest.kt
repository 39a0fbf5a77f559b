package dev.edgekd.core.preprocessing

import dev.edgekd.core.preprocessing.tokenizer.SmallTokenizer
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Quantizer
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals

class TextPreprocessingTest {
    @get:Rule
    val folder = TemporaryFolder()

    private fun tokenizer(): File =
        folder.newFile().also { it.writeText(SmallTokenizer.text()) }

    @Test
    fun `inputs are told by their names`() {
        val bundle =
            textBundle(
                tokenizer(),
                "token_type_ids" to DType.INT32,
                "input_ids" to DType.INT64,
                "attention_mask" to DType.INT32,
            )
        val found = TextPreprocessing(bundle).inputs("hello")
        val values = found.map { tensor -> Quantizer.realValues(tensor, null).map { it.toInt() } }
        assertEquals(listOf(DType.INT32, DType.INT64, DType.INT32), found.map { it.dtype })
        assertEquals(List(8) { 0 }, values[0])
        assertEquals(listOf(2, 5, 3, 0, 0, 0, 0, 0), values[1])
        assertEquals(listOf(1, 1, 1, 0, 0, 0, 0, 0), values[2])
    }

    @Test
    fun `inputs that do not fit are refused`() {
        val file = tokenizer()
        assertProblem(Reason.MODEL, "takes float32") {
            TextPreprocessing(textBundle(file, "input_ids" to DType.FLOAT32))
        }
        assertProblem(Reason.MODEL, "not exactly one") {
            TextPreprocessing(textBundle(file, "mask" to DType.INT64))
        }
        val ids = "input_ids" to DType.INT64
        assertProblem(Reason.MODEL, "[input_ids, position_ids]") {
            TextPreprocessing(textBundle(file, ids, "position_ids" to DType.INT64))
        }
        assertProblem(Reason.MODEL, "no tokenizer") { TextPreprocessing(imageBundle(1, 2, 2)) }
    }
}
