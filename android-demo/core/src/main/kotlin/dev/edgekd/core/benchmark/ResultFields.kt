package dev.edgekd.core.benchmark

import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.json.JsonArray
import dev.edgekd.core.json.JsonBoolean
import dev.edgekd.core.json.JsonInteger
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.json.JsonReal
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.json.JsonValue
import dev.edgekd.core.problem.Problem

// The bounds are those of result.schema.json. What a phone tells beyond them it does not know.
private const val SCHEMA = 1L
private const val MOST_TEXT = 200
private const val MOST_NAME = 1024
private const val MOST_FEATURES = 256
private val THERMAL_STATUS = 0..6
private val HEADROOM = 0.0..100.0
private val PERCENT = 0..100
private val CELSIUS = -100.0..200.0
private val PAGE_BYTES = 1024..(1 shl 20)

/** All members of a result but samples and outputs, which are large; what is null is left out. */
internal fun describe(record: RunRecord): JsonObject =
    objectOf(
        "schema" to JsonInteger(SCHEMA),
        "run_id" to JsonText(record.runId),
        "pass" to record.pass?.let { JsonText(it.label) },
        "application" to text(record.application),
        "engine" to record.engine?.let { describe(it, record) },
        "model_sha256" to record.modelSha256?.let { JsonText(it) },
        "threads" to record.threads?.let { integer(it) },
        "error" to record.problem?.let { describe(it) },
        "load_ms" to (record.figures as? LatencyFigures)?.let { describe(it.load) },
        "memory" to (record.figures as? MemoryFigures)?.let { describe(it) },
        "device" to record.probed?.let { describe(it) },
        "conditions" to record.condition?.let { describe(it) },
    )

/** `latency_ms` without its samples. */
internal fun describe(figures: LatencyFigures): JsonObject =
    objectOf(
        "p50" to JsonReal(figures.percentiles.p50),
        "p90" to figures.percentiles.p90?.let { JsonReal(it) },
        "p99" to figures.percentiles.p99?.let { JsonReal(it) },
        "n" to integer(figures.samples.size),
        "warmup" to integer(figures.warmup),
    )

/** An output without its data. */
internal fun describe(output: OutputRows): JsonObject =
    objectOf(
        "name" to JsonText(output.name.take(MOST_NAME)),
        "dtype" to JsonText(output.dtype.label),
        "shape" to JsonArray(output.shape.map { integer(it) }),
    )

private fun describe(engine: EngineName, record: RunRecord): JsonValue =
    objectOf(
        "name" to JsonText(engine.label),
        "version" to record.engineVersion?.let { text(it) },
        "delegate" to record.delegate?.let { text(it) },
    )

private fun describe(problem: Problem): JsonValue =
    objectOf(
        "reason" to JsonText(problem.reason.label),
        "message" to JsonText(problem.message),
    )

private fun describe(load: LoadTimes): JsonValue =
    objectOf("cold" to JsonReal(load.cold), "warm" to JsonReal(load.warm))

private fun describe(memory: MemoryFigures): JsonValue =
    objectOf(
        "pss_bytes" to bytes(memory.after.pssBytes),
        "pss_before_bytes" to bytes(memory.before.pssBytes),
        "native_heap_bytes" to bytes(memory.after.nativeHeapBytes),
        "peak_rss_bytes" to bytes(memory.after.peakRssBytes),
    )

private fun describe(probed: Probed): JsonValue =
    objectOf(
        "soc" to probed.soc?.let { text(it) },
        "cpu_features" to JsonArray(probed.cpuFeatures.take(MOST_FEATURES).map { text(it) }),
        "page_bytes" to integer(probed.pageBytes, PAGE_BYTES),
    )

private fun describe(seen: Condition): JsonValue =
    objectOf(
        "thermal_status" to integer(seen.thermalStatus, THERMAL_STATUS),
        "thermal_headroom" to real(seen.thermalHeadroom, HEADROOM),
        "battery_percent" to integer(seen.batteryPercent, PERCENT),
        "battery_celsius" to real(seen.batteryCelsius, CELSIUS),
        "foreground" to seen.foreground?.let { JsonBoolean(it) },
    )

private fun objectOf(vararg pairs: Pair<String, JsonValue?>): JsonObject {
    val kept = LinkedHashMap<String, JsonValue>()
    for ((name, value) in pairs) if (value != null) kept[name] = value
    return JsonObject(kept)
}

private fun text(value: String): JsonValue = JsonText(value.take(MOST_TEXT))

private fun integer(value: Int): JsonValue = JsonInteger(value.toLong())

private fun integer(value: Int?, allowed: IntRange): JsonValue? =
    value?.takeIf { it in allowed }?.let { integer(it) }

private fun real(value: Double?, allowed: ClosedRange<Double>): JsonValue? =
    value?.takeIf { it in allowed }?.let { JsonReal(it) }

private fun bytes(value: Long?): JsonValue? = value?.takeIf { it >= 0 }?.let { JsonInteger(it) }
