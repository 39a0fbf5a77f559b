package dev.edgekd.core.benchmark

import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.engine.NamedTensor
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.Tensor

/** The inputs of one inference. */
internal typealias Row = List<Tensor>

/**
 * Nanoseconds of single inferences, [warmup] dropped, that go round [rows].
 *
 * Only [LoadedModel.invoke] is between the two looks at the clock, and nothing is allocated or
 * asked of the phone between two inferences.
 */
internal fun timeInferences(
    model: LoadedModel,
    rows: List<Row>,
    warmup: Int,
    iterations: Int,
): LongArray {
    val taken = LongArray(warmup + iterations)
    for (index in taken.indices) {
        model.prepare(rows[index % rows.size])
        val begun = System.nanoTime()
        model.invoke()
        taken[index] = System.nanoTime() - begun
    }
    return taken.copyOfRange(warmup, taken.size)
}

/** The same inferences without the clock. */
internal fun runInferences(model: LoadedModel, rows: List<Row>, count: Int) {
    for (index in 0 until count) {
        model.prepare(rows[index % rows.size])
        model.invoke()
    }
}

/**
 * The outputs of each sample.
 *
 * Throws [Problem]: an output of all samples is larger than a result may hold (`request`), or
 * outputs differ in number, dtype or shape from one sample to the next (`engine`).
 */
internal fun collectOutputs(model: LoadedModel, rows: List<Row>): List<OutputRows> {
    var collected: List<OutputRows> = emptyList()
    rows.forEachIndexed { index, row ->
        model.prepare(row)
        model.invoke()
        val results = model.results()
        if (index == 0) collected = roomFor(results, rows.size)
        if (results.size != collected.size) throw changed("${results.size} outputs")
        results.zip(collected).forEach { (result, room) -> keep(result, room, index) }
    }
    return collected
}

private const val MOST_OUTPUTS = 64
private const val MOST_DIMENSIONS = 8

// Of one output, as in edgekd's result.py; and of all, so that the file in base64 fits 32 MiB.
private const val MOST_OUTPUT_BYTES = 4L shl 20
private const val MOST_BYTES = 20L shl 20

private fun roomFor(results: List<NamedTensor>, samples: Int): List<OutputRows> {
    if (results.size !in 1..MOST_OUTPUTS) {
        throw Problem(Reason.ENGINE, "${results.size} outputs: 1 to $MOST_OUTPUTS are allowed")
    }
    val sizes =
        results.map {
            it.tensor.bytes
                .capacity()
                .toLong() * samples
        }
    if (sizes.max() > MOST_OUTPUT_BYTES || sizes.sum() > MOST_BYTES) {
        throw Problem(
            Reason.REQUEST,
            "outputs of $samples samples take ${sizes.sum()} bytes: $MOST_OUTPUT_BYTES are " +
                "allowed for one and $MOST_BYTES for all; give fewer golden samples",
        )
    }
    return results.mapIndexed { index, result ->
        val shape = listOf(samples) + sampleShape(result.tensor)
        if (shape.size > MOST_DIMENSIONS) {
            throw Problem(Reason.ENGINE, "output ${result.name} has the shape $shape")
        }
        OutputRows(result.name, result.tensor.dtype, shape, ByteArray(sizes[index].toInt()))
    }
}

private fun keep(result: NamedTensor, room: OutputRows, sample: Int) {
    val tensor = result.tensor
    if (tensor.dtype != room.dtype || sampleShape(tensor) != room.shape.drop(1)) {
        throw changed("${result.name} as ${tensor.dtype.label} ${tensor.shape}")
    }
    val bytes = tensor.view()
    val size = bytes.remaining()
    bytes.get(room.data, sample * size, size)
}

private fun sampleShape(tensor: Tensor): List<Int> =
    if (tensor.shape.firstOrNull() == 1) tensor.shape.drop(1) else tensor.shape

private fun changed(what: String): Problem =
    Problem(Reason.ENGINE, "a later sample gave $what, unlike the first")
