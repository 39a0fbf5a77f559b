package dev.edgekd.core.demo

import dev.edgekd.core.engine.Engine
import dev.edgekd.core.engine.EngineName
import java.io.Closeable

/**
 * The chosen models, on the same input. Used by one thread; none of its functions throws.
 *
 * [keys] are those of [shelf].
 */
class SideBySide(
    private val shelf: BundleShelf,
    private val keys: List<String>,
    private val engineOf: (EngineName) -> Engine,
) : Closeable {
    private var sides: List<Outcome<Side>> = emptyList()

    /** One for each key, in that order, once they are loaded. */
    val states: List<Outcome<SideState>>
        get() = sides.map { side -> side.map { it.state } }

    /** What distillation bought; null where there are not two answers. */
    val comparison: Comparison?
        get() {
            val measured = states.mapNotNull { it.valueOrNull()?.measured() }
            return if (measured.size == 2) Comparison.of(measured[0], measured[1]) else null
        }

    /** Read and load all of them. */
    fun load() {
        close()
        sides = keys.map { key -> attempt { Side.load(shelf.read(key).orThrow(), engineOf) } }
    }

    /** Hold each against PyTorch's outputs in its bundle. */
    fun check() = loaded().forEach { it.check() }

    /** Ask each of them. */
    fun predict(input: Input) = loaded().forEach { it.predict(input) }

    /** Forget what they answered: the input is gone. */
    fun clear() = loaded().forEach { it.clear() }

    override fun close() {
        loaded().forEach { side -> attempt { side.close() } }
        sides = emptyList()
    }

    private fun loaded(): List<Side> = sides.mapNotNull { it.valueOrNull() }

    private fun SideState.measured(): Measured? {
        val best = answer?.valueOrNull()?.predictions?.firstOrNull() ?: return null
        val median = medianMilliseconds ?: return null
        return Measured(bundle.modelBytes, median, best.label)
    }
}
