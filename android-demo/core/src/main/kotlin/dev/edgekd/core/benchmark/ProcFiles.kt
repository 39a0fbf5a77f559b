package dev.edgekd.core.benchmark

import java.io.File
import java.io.IOException

/** What Linux tells of a process and its processor; null or empty where it does not. */
object ProcFiles {
    private val PEAK = Regex("VmHWM:\\s*([0-9]{1,12}) kB")
    private val SPACE = Regex("\\s+")

    /** The largest resident set so far, in bytes, of the process whose `status` this is. */
    fun peakRssBytes(status: File = File("/proc/self/status")): Long? =
        lines(status).firstNotNullOfOrNull { PEAK.matchEntire(it) }?.let { found ->
            found.groupValues[1].toLong() * 1024
        }

    /** Features of the first core: `Features` on ARM, `flags` on a PC. */
    fun cpuFeatures(cpuinfo: File = File("/proc/cpuinfo")): List<String> {
        val line = lines(cpuinfo).firstOrNull { name(it) == "Features" || name(it) == "flags" }
        val features = line?.substringAfter(':')?.trim().orEmpty()
        return features.split(SPACE).filter { it.isNotEmpty() }
    }

    private fun name(line: String): String = line.substringBefore(':').trim()

    private fun lines(file: File): List<String> =
        try {
            file.readLines()
        } catch (_: IOException) {
            emptyList()
        }
}
