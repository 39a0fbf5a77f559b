package dev.edgekd.host

import dev.edgekd.core.benchmark.Condition
import dev.edgekd.core.benchmark.MemoryReading
import dev.edgekd.core.benchmark.PhoneProbe
import dev.edgekd.core.benchmark.Probed
import java.io.File

/** What a process of Linux sees of its machine. */
internal class HostProbe : PhoneProbe {
    override val application: String = "edgekd host"

    override fun probed(): Probed {
        val flags =
            field(File("/proc/cpuinfo"), "flags") ?: field(File("/proc/cpuinfo"), "Features")
        val page = kilobytes(File("/proc/self/smaps"), "KernelPageSize")
        return Probed(null, flags.orEmpty().split(' ').take(MOST_FEATURES), page?.toInt())
    }

    override fun condition(): Condition = Condition()

    override fun memory(): MemoryReading =
        MemoryReading(
            pssBytes = kilobytes(File("/proc/self/smaps_rollup"), "Pss"),
            nativeHeapBytes = null,
            peakRssBytes = kilobytes(File("/proc/self/status"), "VmHWM"),
        )

    /** In bytes. */
    private fun kilobytes(file: File, name: String): Long? =
        field(file, name)?.removeSuffix(" kB")?.toLong()?.times(BYTES_OF_KILOBYTE)

    private fun field(file: File, name: String): String? {
        val named = Regex("$name\\s*:(.*)")
        val found = file.useLines { lines -> lines.firstNotNullOfOrNull { named.matchEntire(it) } }
        return found?.groupValues?.get(1)?.trim()
    }

    private companion object {
        const val MOST_FEATURES = 256
        const val BYTES_OF_KILOBYTE = 1024L
    }
}
