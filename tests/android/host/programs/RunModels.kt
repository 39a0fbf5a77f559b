package dev.edgekd.host

import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.engine.NamedTensor
import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonArray
import dev.edgekd.core.json.JsonFields
import dev.edgekd.core.json.JsonInteger
import dev.edgekd.core.json.JsonNull
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.json.JsonValue
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Safetensors
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.demo.engines.Engines
import java.io.File
import java.io.FileOutputStream
import java.nio.ByteBuffer

private const val MOST_BYTES = 1L shl 28

/**
 * Runs models with the app's engines.
 *
 * Each argument is a job as JSON: `engine`, `model`, `threads`, where wanted `delegate`, and where
 * it is to be run `inputs` and `outputs`. `inputs` is a safetensors file with `input_0`, `input_1`,
 * … `[samples, *shape]`; `outputs` a new folder for `0.bin`, `1.bin`, … with the values of each
 * output, one sample after the other. For each job it prints a line of JSON: what it found, or the
 * `reason` and the `message` of its problem.
 */
fun main(jobs: Array<String>) {
    for (job in jobs) println(Json.write(answer(job)))
    System.out.flush()
    // Android's libraries do not outlive the usual end of a process of Linux.
    Runtime.getRuntime().halt(0)
}

private fun answer(job: String): JsonObject =
    try {
        run(JsonFields(Json.parse(job), "job", Reason.REQUEST))
    } catch (problem: Problem) {
        val message = JsonText(problem.message)
        JsonObject(mapOf("reason" to JsonText(problem.reason.label), "message" to message))
    }

private fun run(job: JsonFields): JsonObject {
    val name = EngineName.named(job.text("engine")) ?: job.fail("engine", "is unknown")
    val engine = Engines.of(name)
    val delegate = if (job.has("delegate")) job.text("delegate") else null
    val options = LoadOptions(job.integer("threads", 0..1000), delegate)
    return engine.load(File(job.text("model")), options).use { model ->
        val inputs = model.inputs?.map { described(it.name, it.dtype, it.shape) }
        JsonObject(
            mapOf(
                "version" to textOrNull(engine.version),
                "delegate" to textOrNull(model.delegate),
                "inputs" to (inputs?.let { JsonArray(it) } ?: JsonNull),
                "outputs" to JsonArray(if (job.has("inputs")) runSamples(job, model) else listOf()),
            ),
        )
    }
}

private fun runSamples(job: JsonFields, model: LoadedModel): List<JsonValue> {
    val folder = File(job.text("outputs"))
    check(folder.mkdirs()) { "$folder is there already" }
    val stored = Safetensors.read(File(job.text("inputs")), MOST_BYTES)
    val columns = List(stored.size) { samplesOf(stored.getValue("input_$it")) }
    var found = emptyList<NamedTensor>()
    for (sample in columns[0].indices) {
        model.prepare(columns.map { it[sample] })
        model.invoke()
        found = model.results()
        found.forEachIndexed { index, output -> append(File(folder, "$index.bin"), output.tensor) }
    }
    return found.map { described(it.name, it.tensor.dtype, it.tensor.shape) }
}

/** One by one, with a batch of one. */
private fun samplesOf(tensor: Tensor): List<Tensor> {
    val shape = listOf(1) + tensor.shape.drop(1)
    val size = Tensor.byteSize(tensor.dtype, shape).toInt()
    return List(tensor.shape[0]) { sample ->
        val bytes: ByteBuffer = tensor.view()
        bytes.position(sample * size)
        bytes.limit((sample + 1) * size)
        Tensor(tensor.dtype, shape, bytes)
    }
}

private fun append(file: File, tensor: Tensor) {
    FileOutputStream(file, true).channel.use { it.write(tensor.view()) }
}

private fun described(name: String, dtype: DType, shape: List<Int>): JsonValue =
    JsonObject(
        mapOf(
            "name" to JsonText(name),
            "dtype" to JsonText(dtype.label),
            "shape" to JsonArray(shape.map { JsonInteger(it.toLong()) }),
        ),
    )

private fun textOrNull(text: String?): JsonValue = text?.let { JsonText(it) } ?: JsonNull
