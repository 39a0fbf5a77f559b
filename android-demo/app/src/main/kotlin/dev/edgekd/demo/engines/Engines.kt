package dev.edgekd.demo.engines

import dev.edgekd.core.engine.Engine
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/** The runtimes that this app is built with. */
object Engines {
    /**
     * The engine of that name. Its native library is loaded with its first model.
     *
     * Throws [Problem] (`engine`): the app was built without it.
     */
    fun of(name: EngineName): Engine =
        guarded(Reason.ENGINE, "this app has no engine ${name.label}") {
            when (name) {
                EngineName.ONNX -> OnnxEngine()
                EngineName.EXECUTORCH -> ExecutorchEngine()
                EngineName.LITERT -> LitertEngine()
            }
        }
}
