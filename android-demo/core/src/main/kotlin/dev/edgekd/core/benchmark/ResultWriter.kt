package dev.edgekd.core.benchmark

import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonObject
import java.io.OutputStream
import java.util.Base64

/**
 * Writes a record as one object of `result.schema.json`.
 *
 * Samples and outputs are the large parts: they go out piece by piece, so that no second copy of
 * them is in memory.
 */
internal class ResultWriter(private val out: OutputStream) {
    /** The whole object. Does not close or flush. Throws [java.io.IOException]. */
    fun write(record: RunRecord) {
        beginning(describe(record))
        when (val figures = record.figures) {
            is LatencyFigures -> latency(figures)
            is OutputFigures -> outputs(figures.outputs)
            is MemoryFigures, null -> Unit
        }
        text("}\n")
    }

    private fun latency(figures: LatencyFigures) {
        text(",\"latency_ms\":")
        beginning(describe(figures))
        text(",\"samples\":")
        figures.samples.forEachIndexed { index, sample ->
            text(if (index == 0) "[" else ",")
            text(sample.toString())
        }
        text("]}")
    }

    private fun outputs(outputs: List<OutputRows>) {
        text(",\"outputs\":")
        outputs.forEachIndexed { index, output ->
            text(if (index == 0) "[" else ",")
            beginning(describe(output))
            text(",\"data\":\"")
            base64(output.data)
            text("\"}")
        }
        text("]")
    }

    /** All but the closing bracket: more members follow. */
    private fun beginning(value: JsonObject) {
        text(Json.write(value).dropLast(1))
    }

    private fun base64(data: ByteArray) {
        val encoder = Base64.getEncoder()
        for (start in data.indices step CHUNK) {
            out.write(encoder.encode(data.copyOfRange(start, minOf(start + CHUNK, data.size))))
        }
    }

    private fun text(text: String) {
        out.write(text.toByteArray(Charsets.UTF_8))
    }

    private companion object {
        // A multiple of three, so that only the last piece is padded.
        const val CHUNK = 3 * 4096
    }
}
