package dev.edgekd.core.benchmark

/** What the process sees of its phone; see `Probed` of `result.schema.json`. */
data class Probed(val soc: String?, val cpuFeatures: List<String>, val pageBytes: Int?)

/** The phone's state at one moment; null: not told. See `Seen` of `result.schema.json`. */
data class Condition(
    val thermalStatus: Int? = null,
    val thermalHeadroom: Double? = null,
    val batteryPercent: Int? = null,
    val batteryCelsius: Double? = null,
    val foreground: Boolean? = null,
)

/** Bytes of the whole process; null: not told. */
data class MemoryReading(val pssBytes: Long?, val nativeHeapBytes: Long?, val peakRssBytes: Long?)

/** Reads the phone: on Android its services, in tests `/proc` of the machine. */
interface PhoneProbe {
    /** Name and version of what writes the result. */
    val application: String

    fun probed(): Probed

    /** Costs milliseconds: never called between two timed inferences. */
    fun condition(): Condition

    /** Costs milliseconds: only in a memory pass. */
    fun memory(): MemoryReading
}
