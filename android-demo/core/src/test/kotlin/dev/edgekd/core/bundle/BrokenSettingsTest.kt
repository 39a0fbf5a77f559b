package dev.edgekd.core.bundle

import dev.edgekd.core.problem.Reason
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import kotlin.test.Test

/** Tensors and preprocessing that make no sense. */
class BrokenSettingsTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private fun refused(told: String, change: SmallBundle.() -> Unit) {
        val small = SmallBundle(temporary.newFolder())
        small.change()
        assertRefused(small.write(), Reason.MODEL, told)
    }

    private fun refusedInput(part: String, changed: String, told: String) =
        refused(told) { members["inputs"] = "[${SmallBundle.INPUT.replace(part, changed)}]" }

    private fun refusedOutput(part: String, changed: String, told: String) =
        refused(told) { members["outputs"] = "[${SmallBundle.OUTPUT.replace(part, changed)}]" }

    private fun refusedPreprocessing(part: String, changed: String, told: String) =
        refused(told) {
            members["preprocessing"] = SmallBundle.PREPROCESSING.replaceFirst(part, changed)
        }

    @Test
    fun shapes() {
        val wrong =
            listOf(
                "[1, 0, 4, 4]" to "shape[1] is no whole number",
                "[1, -1, 4, 4]" to "shape[1] is no whole number",
                "[1, 1.5, 4, 4]" to "shape[1] is no whole number",
                "[1, 1e99, 4, 4]" to "shape[1] is no whole number",
                "[1, 67108864, 67108864, 67108864]" to "shape is too large",
                "[1, 1, 4]" to "layout NCHW does not fit",
                "[8, 1, 4, 4]" to "inputs hold no batch of one",
                "[1, 1, 1, 1, 1, 1, 1, 1, 1]" to "shape holds 9 items",
                "4" to "shape is no list",
            )
        for ((shape, told) in wrong) refusedInput("[1, 1, 4, 4]", shape, told)
    }

    @Test
    fun tensors() {
        refusedInput("\"float32\"", "\"complex64\"", "dtype is unknown: complex64")
        refusedInput("\"float32\"", "3", "dtype is no text")
        refusedInput("\"NCHW\"", "\"CHWN\"", "layout is unknown: CHWN")
        refusedInput("\"name\": \"x\",", "", "inputs[0]: name is missing")
        refused("inputs is empty") { members["inputs"] = "[]" }
        refused("outputs holds 17 items") {
            members["outputs"] = List(17) { SmallBundle.OUTPUT }.toString()
        }
    }

    @Test
    fun scales() {
        for (scale in listOf("0", "-0.25", "1e-60", "1e60")) {
            refusedOutput("0.25", scale, "scale is no positive float32")
        }
        refusedOutput("-3", "-129", "zero_point is no whole number from -128 to 127")
        refusedOutput("-3", "null", "scale stands alone")
        refusedOutput("0.25", "null", "zero_point stands alone")
        refusedOutput("0.25", "NaN", "JSON with an error")
        refusedOutput("\"int8\"", "\"float32\"", "scale does not go with float32")
    }

    @Test
    fun preprocessing() {
        refusedPreprocessing("0.0625", "0", "scale is not positive")
        refusedPreprocessing("0.0625", "null", "scale is no number")
        refusedPreprocessing("0.0625", "1e99", "scale is beyond float32")
        refusedPreprocessing("[0.5]", "[1, 2]", "mean holds 2 values for 1")
        refusedPreprocessing("[0.5]", "[]", "mean holds 0 values for 1")
        refusedPreprocessing("[0.5]", "[1e60]", "mean is beyond float32")
        refusedPreprocessing("[2]", "[0]", "std is not positive")
        refusedPreprocessing("[2]", "[-1]", "std is not positive")
        refusedPreprocessing("[2]", "[1e-60]", "std is not positive")
        refusedPreprocessing("\"channel\"", "\"row\"", "axis is unknown: row")
        refused("preprocessing: is no JSON object") { members["preprocessing"] = "[]" }
        refused("axis does not fit an input of shape [1]") {
            members["inputs"] =
                "[${SmallBundle.INPUT.replace("1, 1, 4, 4", "1").replace("HW", "")}]"
        }
    }

    @Test
    fun frontEnds() {
        val wrong =
            listOf(
                "kind" to "\"wavelet\"" to "kind is unknown: wavelet",
                "sample_rate" to "1000.5" to "sample_rate is no whole number",
                "sample_rate" to "1e9" to "sample_rate is no whole number",
                "seconds" to "0" to "seconds is not above 0 up to 60.0",
                "seconds" to "1e300" to "seconds is not above 0 up to 60.0",
                "seconds" to "0.2" to "front_end gives 9 x 5, not the input's [1, 1, 4, 5]",
                "seconds" to "0.01" to "window_ms is longer than the clip",
                "window_ms" to "0.5" to "window_ms is shorter than 2 samples",
                "stride_ms" to "1e-9" to "stride_ms is shorter than a sample",
                "mel_bins" to "4" to "coefficients are more than mel_bins",
                "mel_bins" to "100000" to "mel_bins is no whole number from 1 to 512",
                "coefficients" to "6" to "front_end gives 4 x 6",
                "low_hz" to "-1" to "low_hz is negative",
                "low_hz" to "500" to "high_hz is not above low_hz",
                "high_hz" to "501" to "at most half the sample_rate",
            )
        for ((change, told) in wrong) refused(told) { withSound(change) }
        refused("gives 2980001 frames a clip") {
            withSound(
                *arrayOf("seconds" to "60", "window_ms" to "400", "stride_ms" to "0.02"),
                *arrayOf("sample_rate" to "50000"),
            )
        }
    }

    @Test
    fun texts() {
        refused("length 9 does not fit the input input_ids") { withText("length" to "9") }
        refused("length is no whole number from 1 to 4096") { withText("length" to "1000000") }
        refused("tokenizer is no plain file name") { withText("tokenizer" to "\"../x.json\"") }
        refused("names x.json, which is missing") { withText("tokenizer" to "\"x.json\"") }
        refused("text does not go with a front_end") {
            withSound()
            val sound = members.getValue("preprocessing")
            withText()
            val text = members.getValue("preprocessing").substringAfter("\"text\":").dropLast(1)
            members["inputs"] =
                "[${SmallBundle.INPUT.replace("1, 1, 4, 4", "1, 1, 4, 5")}]"
            members["preprocessing"] = sound.dropLast(1) + ", \"text\": $text}"
        }
        val small = SmallBundle(temporary.newFolder())
        small.withText("tokenizer_sha256" to "\"${"0".repeat(64)}\"")
        assertRefused(small.write(), Reason.HASH, "tokenizer.json is another file")
    }
}
