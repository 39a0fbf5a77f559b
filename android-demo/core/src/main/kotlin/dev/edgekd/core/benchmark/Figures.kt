package dev.edgekd.core.benchmark

import dev.edgekd.core.tensor.DType

/** What a pass found. */
internal sealed interface Figures

/** Milliseconds: to load in this process for the first time, and once more. */
internal class LoadTimes(val cold: Double, val warm: Double)

/** [samples] are milliseconds in the order in which they were taken, without the warm-up. */
internal class LatencyFigures(val load: LoadTimes, val warmup: Int, val samples: DoubleArray) :
    Figures {
    val percentiles: Percentiles = Percentiles.of(samples)
}

/** Readings before the model was loaded, and after the inferences. */
internal class MemoryFigures(val before: MemoryReading, val after: MemoryReading) : Figures

internal class OutputFigures(val outputs: List<OutputRows>) : Figures

/** One output for all samples: [shape] is `[samples, *shape]`, [data] is little-endian. */
internal class OutputRows(
    val name: String,
    val dtype: DType,
    val shape: List<Int>,
    val data: ByteArray,
)
