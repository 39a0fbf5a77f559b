package dev.edgekd.core.benchmark

import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonBoolean
import dev.edgekd.core.json.JsonInteger
import dev.edgekd.core.json.JsonNull
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.json.JsonReal
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.json.JsonValue
import java.io.File

/**
 * Runs starts of the benchmark one after the other; `tests/android/test_results.py` reads what
 * they leave.
 *
 * Its argument is a file with one object in each line: `files`, the app's folder, and `extras`.
 * It prints one line for each: what the app would log.
 */
object ResultsProgram {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val worn = Condition(2, 0.75, 55, 31.5, foreground = true)
        val reading = MemoryReading(2_000_000, 300_000, 4_000_000)
        for (line in File(arguments.single()).readLines()) {
            val members = (Json.parse(line) as JsonObject).members
            val extras =
                (
                    members.getValue(
                        "extras",
                    ) as JsonObject
                ).members.mapValues { extra(it.value) }
            val files = File((members.getValue("files") as JsonText).value)
            val probe = ListedProbe(listOf(Condition(), worn), listOf(reading, reading))
            println(Benchmark({ SumEngine(it) }, probe).run(extras, files))
        }
    }

    /** As `am` puts it into an intent. */
    private fun extra(value: JsonValue): Any? =
        when (value) {
            is JsonText -> value.value
            is JsonInteger -> value.value.toInt()
            is JsonReal -> value.value
            is JsonBoolean -> value.value
            is JsonNull -> null
            else -> error("am gives no such extra: $value")
        }
}
