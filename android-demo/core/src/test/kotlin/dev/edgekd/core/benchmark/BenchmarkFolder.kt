package dev.edgekd.core.benchmark

import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonArray
import dev.edgekd.core.json.JsonFields
import dev.edgekd.core.json.JsonInteger
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Tensor
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files

internal const val RUN_ID = "0123456789abcdef0123456789abcdef"

/** `float32` with these values. */
internal fun floats(shape: List<Int>, vararg values: Float): Tensor =
    Tensor.allocate(DType.FLOAT32, shape).also { tensor ->
        values.forEachIndexed { index, value -> tensor.bytes.putFloat(index * 4, value) }
    }

/** An app's folder of files with a model and golden samples, and a benchmark of a [SumEngine]. */
internal class BenchmarkFolder(
    conditions: List<Condition> = emptyList(),
    readings: List<MemoryReading> = emptyList(),
) {
    val files: File = Files.createTempDirectory("benchmark").toFile()
    val journal = ArrayList<String>()
    private val probe = ListedProbe(conditions, readings, journal)
    private val benchmark = Benchmark({ name -> engine(name) }, probe)

    init {
        model()
        golden(mapOf("input_0" to floats(listOf(2, 2), 1f, 2f, 3f, 4f)))
    }

    /** Lines of a [SumEngine]'s model after the first. */
    fun model(vararg lines: String) {
        File(files, "model.sum").writeText((listOf("sum-model") + lines).joinToString("\n"))
    }

    fun golden(tensors: Map<String, Tensor>, metadata: Map<String, String> = emptyMap()) {
        File(files, "golden.safetensors").writeBytes(safetensors(tensors, metadata))
    }

    fun extras(vararg changes: Pair<String, Any?>): Map<String, Any?> {
        val all =
            mapOf(
                "run_id" to RUN_ID,
                "pass" to "latency",
                "model" to "model.sum",
                "golden" to "golden.safetensors",
                "engine" to "onnx",
                "threads" to 1,
                "warmup" to 1,
                "iterations" to 3,
            )
        return (all + changes).filterValues { it != null }
    }

    fun run(vararg changes: Pair<String, Any?>): String = benchmark.run(extras(*changes), files)

    /** The result of a run that must leave one. */
    fun result(vararg changes: Pair<String, Any?>): JsonFields {
        val line = run(*changes)
        check(line == "EDGEKD_DONE $RUN_ID") { line }
        val content = File(files, "edgekd-bench/results/$RUN_ID.json").readBytes()
        return JsonFields(Json.parse(content, Reason.OTHER), "result", Reason.OTHER)
    }

    /** `reason: message` of a run that must fail. */
    fun error(vararg changes: Pair<String, Any?>): String {
        val error = result(*changes).fields("error")
        return error.text("reason") + ": " + error.text("message", most = 2000)
    }

    private fun engine(name: EngineName): SumEngine {
        if (name ==
            EngineName.EXECUTORCH
        ) {
            throw NoClassDefFoundError("org/pytorch/executorch/Module")
        }
        return SumEngine(name, journal)
    }
}

private fun safetensors(tensors: Map<String, Tensor>, metadata: Map<String, String>): ByteArray {
    var end = 0L
    val entries =
        tensors.mapValues { (_, tensor) ->
            val start = end
            end += tensor.bytes.capacity()
            JsonObject(
                mapOf(
                    "dtype" to JsonText(tensor.dtype.safetensors),
                    "shape" to JsonArray(tensor.shape.map { JsonInteger(it.toLong()) }),
                    "data_offsets" to JsonArray(listOf(JsonInteger(start), JsonInteger(end))),
                ),
            )
        }
    val texts = JsonObject(metadata.mapValues { JsonText(it.value) })
    val header = Json.write(JsonObject(mapOf("__metadata__" to texts) + entries)).toByteArray()
    val whole = ByteBuffer.allocate(8 + header.size + end.toInt()).order(ByteOrder.LITTLE_ENDIAN)
    whole.putLong(header.size.toLong()).put(header)
    tensors.values.forEach { whole.put(it.view()) }
    return whole.array()
}
