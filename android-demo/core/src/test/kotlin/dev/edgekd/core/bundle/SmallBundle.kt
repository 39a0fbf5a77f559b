package dev.edgekd.core.bundle

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File
import java.security.MessageDigest
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

internal fun sha256(content: ByteArray): String =
    MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }

/** [BundleReader] refuses the folder, and says so in one line that holds [told]. */
internal fun assertRefused(folder: File, reason: Reason, told: String) {
    val problem = assertFailsWith<Problem>(told) { BundleReader.read(folder) }
    assertTrue(told in problem.message, "'$told' is not in '${problem.message}'")
    assertEquals(reason, problem.reason, problem.message)
    assertFalse('\n' in problem.message)
}

/** A bundle of a few bytes; no runtime reads its model. */
internal class SmallBundle(val folder: File) {
    val model: ByteArray = "a model".repeat(100).toByteArray()
    val golden: ByteArray = "golden tensors".toByteArray()
    val tokenizer: ByteArray = "{}".toByteArray()

    /** Members of `bundle.json` as JSON text. */
    val members: MutableMap<String, String> =
        mutableMapOf(
            "schema" to "1",
            "name" to "\"digits\"",
            "rung" to "\"distilled-int8\"",
            "format" to "\"onnx\"",
            "precision" to "\"int8\"",
            "scheme" to "\"int8 weights\"",
            "model" to "\"model.onnx\"",
            "sha256" to "\"${sha256(model)}\"",
            "bytes" to "${model.size}",
            "inputs" to "[$INPUT]",
            "outputs" to "[$OUTPUT]",
            "labels" to "[\"a\", \"b\", \"c\"]",
            "preprocessing" to PREPROCESSING,
            "golden" to "\"golden.safetensors\"",
            "golden_sha256" to "\"${sha256(golden)}\"",
            "preflight" to "{\"operators\": {\"Conv\": 1}}",
        )

    val text: String get() =
        members.entries.joinToString(
            ",",
            "{",
            "}",
        ) { "\"${it.key}\":${it.value}" }

    /** Write all files, `bundle.json` with what [members] now holds. */
    fun write(): File {
        folder.mkdirs()
        File(folder, "model.onnx").writeBytes(model)
        File(folder, "golden.safetensors").writeBytes(golden)
        File(folder, "tokenizer.json").writeBytes(tokenizer)
        File(folder, "bundle.json").writeText(text)
        return folder
    }

    /** Sound: 0.1 s at 1000 Hz, frames of 40 ms each 20 ms, 5 coefficients. */
    fun withSound(vararg changes: Pair<String, String>) {
        val settings =
            mapOf(
                "kind" to "\"mfcc\"",
                "sample_rate" to "1000.0",
                "seconds" to "0.1",
                "window_ms" to "40.0",
                "stride_ms" to "20.0",
                "mel_bins" to "8.0",
                "coefficients" to "5.0",
                "low_hz" to "20.0",
                "high_hz" to "500.0",
            ) + changes
        val frontEnd = settings.entries.joinToString(",", "{", "}") { "\"${it.key}\":${it.value}" }
        members["inputs"] = "[${INPUT.replace("[1, 1, 4, 4]", "[1, 1, 4, 5]")}]"
        members["preprocessing"] =
            """{"scale": 1.0, "mean": [1, 2, 3, 4, 5], "std": [1, 1, 1, 1, 2.5], "axis": "bin",
                "front_end": $frontEnd}"""
    }

    /** Text of 8 tokens. */
    fun withText(vararg changes: Pair<String, String>) {
        val settings =
            mapOf(
                "tokenizer" to "\"tokenizer.json\"",
                "tokenizer_sha256" to "\"${sha256(tokenizer)}\"",
                "length" to "8",
            ) + changes
        val text = settings.entries.joinToString(",", "{", "}") { "\"${it.key}\":${it.value}" }
        members["inputs"] =
            """[{"name": "input_ids", "shape": [1, 8], "layout": "NC", "dtype": "int64"}]"""
        members["preprocessing"] =
            """{"scale": 1.0, "mean": [0.0], "std": [1.0], "axis": "channel", "text": $text}"""
    }

    companion object {
        const val INPUT: String =
            """{"name": "x", "shape": [1, 1, 4, 4], "layout": "NCHW", "dtype": "float32",
                "scale": null, "zero_point": null}"""
        const val OUTPUT: String =
            """{"name": "y", "shape": [1, 3], "layout": "NC", "dtype": "int8",
                "scale": 0.25, "zero_point": -3}"""
        const val PREPROCESSING: String =
            """{"scale": 0.0625, "mean": [0.5], "std": [2], "axis": "channel", "front_end": null}"""
    }
}
