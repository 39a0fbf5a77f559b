package dev.edgekd.demo

import android.app.Application
import android.system.Os

/** The process: what must hold before any runtime is loaded. */
class DemoApplication : Application() {
    override fun onCreate() {
        super.onCreate()
        // ONNX Runtime's library sends telemetry from when it is loaded; its own switch is too late.
        Os.setenv("ORT_DISABLE_TELEMETRY", "1", true)
    }
}
