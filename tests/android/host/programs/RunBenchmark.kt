package dev.edgekd.host

import dev.edgekd.core.benchmark.Benchmark
import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonInteger
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.json.JsonValue
import dev.edgekd.demo.engines.Engines
import java.io.File

/**
 * The app's benchmark as a program.
 *
 * Arguments: the intent's extras as a file of JSON, and the app's folder of files. Prints the line
 * that the app would log.
 */
fun main(arguments: Array<String>) {
    val extras = (Json.parse(File(arguments[0]).readText()) as JsonObject).members
    val benchmark = Benchmark(Engines::of, HostProbe())
    println(benchmark.run(extras.mapValues { extra(it.value) }, File(arguments[1])))
    System.out.flush()
    // Android's libraries do not outlive the usual end of a process of Linux.
    Runtime.getRuntime().halt(0)
}

/** As `am start` gives it: `--es` a text, `--ei` a number. */
private fun extra(value: JsonValue): Any =
    when (value) {
        is JsonText -> value.value
        is JsonInteger -> value.value.toInt()
        else -> error("am start gives no such extra: $value")
    }
