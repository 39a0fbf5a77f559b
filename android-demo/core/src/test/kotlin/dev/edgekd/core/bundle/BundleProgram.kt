package dev.edgekd.core.bundle

import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonArray
import dev.edgekd.core.json.JsonFields
import dev.edgekd.core.json.JsonInteger
import dev.edgekd.core.json.JsonNull
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.json.JsonReal
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.json.JsonValue
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Quantization
import dev.edgekd.core.tensor.Quantizer
import dev.edgekd.core.tensor.Safetensors
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64

/**
 * Does what each line of a file asks for; `tests/android/test_bundle_reading.py` compares the
 * answers, a line each, with Python's.
 *
 * `read`: a bundle's folder. `unpack`: an archive, `into` a folder. `parse`: JSON text.
 * `quantize`: a safetensors file with `values`, to `dtype` with `scale` and `zero_point`.
 */
object BundleProgram {
    @JvmStatic
    fun main(arguments: Array<String>) {
        for (line in File(arguments.single()).readLines()) {
            val asked = JsonFields(Json.parse(line), "line", Reason.OTHER)
            println(Json.write(answer(asked)))
        }
    }

    private fun answer(asked: JsonFields): JsonValue =
        try {
            when {
                asked.has("read") -> described(BundleReader.read(File(asked.text("read"))))
                asked.has("unpack") -> unpack(asked)
                asked.has("parse") -> objectOf("value" to Json.parse(asked.text("parse", 100_000)))
                else -> quantize(asked)
            }
        } catch (problem: Problem) {
            objectOf("reason" to text(problem.reason.label), "message" to text(problem.message))
        }

    private fun unpack(asked: JsonFields): JsonValue =
        File(asked.text("unpack")).inputStream().use {
            objectOf("name" to text(BundleArchive.unpack(it, File(asked.text("into"))).name))
        }

    private fun quantize(asked: JsonFields): JsonValue {
        val tensor = Safetensors.read(File(asked.text("quantize")), 1L shl 20).getValue("values")
        val dtype = requireNotNull(DType.named(asked.text("dtype")))
        val quantization =
            if (asked.has("scale")) {
                Quantization(asked.real("scale").toFloat(), asked.integer("zero_point", -128..255))
            } else {
                null
            }
        val spec = TensorSpec("values", dtype, tensor.shape, null, quantization)
        val stored = Quantizer.quantize(Quantizer.realValues(tensor, null), spec)
        val real = Quantizer.realValues(stored, quantization)
        val bytes = ByteBuffer.allocate(4 * real.size).order(ByteOrder.LITTLE_ENDIAN)
        bytes.asFloatBuffer().put(real)
        return objectOf(
            "stored" to base64(stored),
            "real" to base64(Tensor(DType.FLOAT32, tensor.shape, bytes)),
        )
    }

    private fun base64(tensor: Tensor): JsonValue {
        val bytes = ByteArray(tensor.bytes.remaining()).also { tensor.view().get(it) }
        return text(Base64.getEncoder().encodeToString(bytes))
    }

    private fun described(bundle: Bundle): JsonValue =
        objectOf(
            "name" to text(bundle.name),
            "rung" to text(bundle.rung),
            "format" to text(bundle.engine.format),
            "precision" to text(bundle.precision),
            "scheme" to text(bundle.scheme),
            "model" to text(bundle.model.name),
            "sha256" to text(bundle.sha256),
            "bytes" to JsonInteger(bundle.modelBytes),
            "inputs" to JsonArray(bundle.inputs.map { described(it) }),
            "outputs" to JsonArray(bundle.outputs.map { described(it) }),
            "labels" to JsonArray(bundle.labels.map { text(it) }),
            "preprocessing" to (bundle.preprocessing?.let { described(it) } ?: JsonNull),
            "golden" to (bundle.golden?.let { text(it.name) } ?: JsonNull),
            "task" to text(bundle.task.name),
        )

    private fun described(spec: TensorSpec): JsonValue =
        objectOf(
            "name" to text(spec.name),
            "shape" to JsonArray(spec.shape.map { integer(it) }),
            "layout" to (spec.layout?.let { text(it.name) } ?: JsonNull),
            "dtype" to text(spec.dtype.label),
            "scale" to (spec.quantization?.let { JsonReal(it.scale.toDouble()) } ?: JsonNull),
            "zero_point" to (spec.quantization?.let { integer(it.zeroPoint) } ?: JsonNull),
        )

    private fun described(preprocessing: Preprocessing): JsonValue =
        objectOf(
            "scale" to JsonReal(preprocessing.scale),
            "mean" to JsonArray(preprocessing.mean.map { JsonReal(it) }),
            "std" to JsonArray(preprocessing.std.map { JsonReal(it) }),
            "axis" to text(preprocessing.axis.label),
            "front_end" to (preprocessing.frontEnd?.let { described(it) } ?: JsonNull),
            "text" to (preprocessing.text?.let { described(it) } ?: JsonNull),
        )

    private fun described(text: TextSettings): JsonValue =
        objectOf(
            "tokenizer" to text(text.tokenizer.name),
            "tokenizer_sha256" to text(Sha256.of(text.tokenizer)),
            "length" to integer(text.length),
        )

    private fun described(frontEnd: FrontEnd): JsonValue =
        objectOf(
            "kind" to text(frontEnd.kind.label),
            "sample_rate" to integer(frontEnd.sampleRate),
            "seconds" to JsonReal(frontEnd.seconds),
            "window_ms" to JsonReal(frontEnd.windowMs),
            "stride_ms" to JsonReal(frontEnd.strideMs),
            "mel_bins" to integer(frontEnd.melBins),
            "coefficients" to integer(frontEnd.coefficients),
            "low_hz" to JsonReal(frontEnd.lowHz),
            "high_hz" to JsonReal(frontEnd.highHz),
        )

    private fun objectOf(vararg members: Pair<String, JsonValue>): JsonValue =
        JsonObject(members.toMap())

    private fun text(value: String): JsonValue = JsonText(value)

    private fun integer(value: Int): JsonValue = JsonInteger(value.toLong())
}
