package dev.edgekd.host

import dev.edgekd.core.bundle.BundleReader
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonArray
import dev.edgekd.core.json.JsonInteger
import dev.edgekd.core.json.JsonNull
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.json.JsonReal
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.json.JsonValue
import dev.edgekd.core.prediction.Answer
import dev.edgekd.core.prediction.Predictor
import dev.edgekd.core.prediction.Sample
import dev.edgekd.core.prediction.SelfCheck
import dev.edgekd.core.tensor.Safetensors
import dev.edgekd.demo.engines.Engines
import java.io.File

private const val MOST_BYTES = 1L shl 28

/**
 * Shows pictures to bundles, as the app's demo does.
 *
 * Arguments: a safetensors file with `pictures`, int32 `0xAARRGGBB` `[samples, height, width]`; then
 * the folders of bundles. For each bundle it prints a line of JSON: its self-check, and for each
 * picture the best label and its probability.
 */
fun main(arguments: Array<String>) {
    val pictures = picturesOf(File(arguments[0]))
    for (folder in arguments.drop(1)) println(Json.write(answersOf(File(folder), pictures)))
    System.out.flush()
    // Android's libraries do not outlive the usual end of a process of Linux.
    Runtime.getRuntime().halt(0)
}

private fun picturesOf(file: File): List<Sample.Image> {
    val stored = Safetensors.read(file, MOST_BYTES).getValue("pictures")
    val (samples, height, width) = stored.shape
    val pixels = stored.view().asIntBuffer()
    return List(samples) {
        Sample.Image(width, height, IntArray(width * height).also { pixels.get(it) })
    }
}

private fun answersOf(folder: File, pictures: List<Sample.Image>): JsonObject {
    val bundle = BundleReader.read(folder)
    val model = Engines.of(bundle.engine).load(bundle.model, LoadOptions(1, null))
    return Predictor(bundle, model).use { predictor ->
        JsonObject(
            mapOf(
                "self_check" to described(predictor.selfCheck()),
                "answers" to JsonArray(pictures.map { best(predictor.predict(it)) }),
            ),
        )
    }
}

private fun described(check: SelfCheck?): JsonValue =
    check?.let {
        JsonObject(
            mapOf(
                "samples" to JsonInteger(it.samples.toLong()),
                "max_abs" to JsonReal(it.maxAbs),
                "same_top" to JsonInteger(it.sameTop.toLong()),
            ),
        )
    } ?: JsonNull

private fun best(answer: Answer): JsonValue {
    val best = answer.predictions.first()
    return JsonArray(listOf(JsonText(best.label), JsonReal(best.probability)))
}
