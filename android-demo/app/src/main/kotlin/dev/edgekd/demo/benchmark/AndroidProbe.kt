package dev.edgekd.demo.benchmark

import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.BatteryManager
import android.os.Build
import android.os.Debug
import android.os.PowerManager
import android.system.Os
import android.system.OsConstants
import dev.edgekd.core.benchmark.Condition
import dev.edgekd.core.benchmark.MemoryReading
import dev.edgekd.core.benchmark.PhoneProbe
import dev.edgekd.core.benchmark.Probed
import dev.edgekd.core.benchmark.ProcFiles

/** Reads this phone. None of it needs a permission. */
internal class AndroidProbe(
    private val context: Context,
    private val foreground: Foreground,
) : PhoneProbe {
    private val power = context.getSystemService(Context.POWER_SERVICE) as? PowerManager

    override val application: String
        get() {
            val version = context.packageManager.getPackageInfo(context.packageName, 0).versionName
            return "${context.packageName} $version"
        }

    override fun probed(): Probed =
        Probed(
            soc = soc(),
            cpuFeatures = ProcFiles.cpuFeatures(),
            pageBytes = Os.sysconf(OsConstants._SC_PAGESIZE).toInt(),
        )

    override fun condition(): Condition {
        // The last battery broadcast, which is handed out at once and to everybody.
        val battery = context.registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED))
        return Condition(
            thermalStatus = thermalStatus(),
            thermalHeadroom = thermalHeadroom(),
            batteryPercent = battery?.let { percent(it) },
            batteryCelsius = battery?.let { celsius(it) },
            foreground = foreground.kept,
        )
    }

    override fun memory(): MemoryReading =
        MemoryReading(
            // In KiB; 0 where the kernel does not tell.
            pssBytes = Debug.getPss().takeIf { it > 0 }?.let { it * 1024 },
            nativeHeapBytes = Debug.getNativeHeapAllocatedSize(),
            peakRssBytes = ProcFiles.peakRssBytes(),
        )

    private fun soc(): String? {
        val parts =
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
                listOf(Build.SOC_MANUFACTURER, Build.SOC_MODEL)
            } else {
                listOf(Build.HARDWARE)
            }
        return parts.filter { it != Build.UNKNOWN }.joinToString(" ").ifBlank { null }
    }

    private fun thermalStatus(): Int? {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return null
        return power?.currentThermalStatus
    }

    /** A call within a second of the last one gives NaN, as a phone that cannot tell does. */
    private fun thermalHeadroom(): Double? {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) return null
        return power?.getThermalHeadroom(FORECAST_SECONDS)?.takeUnless { it.isNaN() }?.toDouble()
    }

    private fun percent(battery: Intent): Int? {
        val level = battery.getIntExtra(BatteryManager.EXTRA_LEVEL, -1)
        val scale = battery.getIntExtra(BatteryManager.EXTRA_SCALE, -1)
        return if (level >= 0 && scale > 0) level * 100 / scale else null
    }

    /** Android tells tenths of a degree. */
    private fun celsius(battery: Intent): Double? {
        val tenths = battery.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, Int.MIN_VALUE)
        return if (tenths == Int.MIN_VALUE) null else tenths / 10.0
    }

    private companion object {
        const val FORECAST_SECONDS = 10
    }
}
