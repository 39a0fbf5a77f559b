package dev.edgekd.core.benchmark

import dev.edgekd.core.engine.Engine
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.engine.LoadOptions
import dev.edgekd.core.engine.LoadedModel
import dev.edgekd.core.engine.NamedTensor
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import java.io.File

/**
 * A runtime whose models are a few lines of text, `sum-model` first:
 *
 * - `input=float32 1,4`: an input that it tells of; without any, it tells of none;
 * - `output=int8 1,100`: an output of zeros;
 * - `throw=invoke StackOverflowError`: what it throws, and where;
 * - `changes`: its second inference gives one output less.
 *
 * A model gives the sum of all its inputs (`float32 [1, 1]`), the first input as it is, and those
 * zeros. [journal] is told of every call.
 */
class SumEngine(
    override val name: EngineName,
    private val journal: MutableList<String>? = null,
) : Engine {
    override val version: String? = "sum 1"
    override val delegates: List<String> = listOf("plain", "other")

    override fun load(model: File, options: LoadOptions): LoadedModel {
        journal?.add("load")
        val lines = model.readLines()
        if (lines.firstOrNull() != "sum-model") throw Problem(Reason.MODEL, "is no sum model")
        return SumModel(lines.drop(1), options, journal).also { it.fail("load") }
    }
}

/** See [SumEngine]. */
class SumModel(
    private val lines: List<String>,
    options: LoadOptions,
    private val journal: MutableList<String>?,
) : LoadedModel {
    override val delegate: String = options.delegate ?: "plain"
    override val inputs: List<TensorSpec>? = specs("input=").ifEmpty { null }
    private val zeros =
        specs("output=").map {
            NamedTensor(it.name, Tensor.allocate(it.dtype, it.shape))
        }
    private var given: List<Tensor> = emptyList()
    private var sum = 0f
    private var inferences = 0

    override fun prepare(inputs: List<Tensor>) {
        journal?.add("prepare ${valueOf(inputs[0], 0)}")
        fail("prepare")
        given = inputs
    }

    override fun invoke() {
        journal?.add("invoke")
        fail("invoke")
        inferences++
        sum = 0f
        for (input in given) for (index in 0 until count(input)) sum += valueOf(input, index)
    }

    override fun results(): List<NamedTensor> {
        fail("results")
        val total = Tensor.allocate(DType.FLOAT32, listOf(1, 1))
        total.bytes.putFloat(0, sum)
        val all = listOf(NamedTensor("sum", total), NamedTensor("same", given[0])) + zeros
        return if ("changes" in lines && inferences > 1) all.dropLast(1) else all
    }

    override fun close() {
        journal?.add("close")
        fail("close")
    }

    fun fail(where: String) {
        val line = lines.find { it.startsWith("throw=$where ") } ?: return
        throw when (line.substringAfter(' ')) {
            "OutOfMemoryError" -> OutOfMemoryError("no room for the model")
            "StackOverflowError" -> StackOverflowError()
            "UnsatisfiedLinkError" -> UnsatisfiedLinkError("dlopen failed: libsum.so\nnot found")
            "NoClassDefFoundError" -> NoClassDefFoundError("org/sum/Sum")
            "IllegalStateException" -> IllegalStateException("the runtime said no")
            "Exception" -> Exception("the runtime said no")
            "InternalError" -> InternalError("a fault in mapped memory")
            "AssertionError" -> AssertionError("x".repeat(10_000))
            "Problem" -> Problem(Reason.INPUTS, "this runtime takes no zeros")
            else -> error("no such line: $line")
        }
    }

    private fun specs(key: String): List<TensorSpec> =
        lines.filter { it.startsWith(key) }.mapIndexed { index, line ->
            val (dtype, shape) = line.substringAfter(key).split(' ')
            val dimensions = shape.split(',').map { it.toInt() }
            TensorSpec("$key$index", checkNotNull(DType.named(dtype)), dimensions)
        }

    private fun count(tensor: Tensor): Int = tensor.bytes.capacity() / tensor.dtype.bytes

    private fun valueOf(tensor: Tensor, index: Int): Float =
        when (tensor.dtype) {
            DType.FLOAT32 -> tensor.bytes.getFloat(index * 4)
            DType.INT64 -> tensor.bytes.getLong(index * 8).toFloat()
            else -> tensor.bytes.get(index).toFloat()
        }
}

/** Tells what it is given, one reading after the other, and the journal that it was asked. */
class ListedProbe(
    private val conditions: List<Condition> = emptyList(),
    private val readings: List<MemoryReading> = emptyList(),
    private val journal: MutableList<String> = ArrayList(),
) : PhoneProbe {
    private var conditionsTold = 0
    private var readingsTold = 0

    override val application: String = "core tests 1"

    override fun probed(): Probed = Probed("a chip", listOf("fp", "asimd"), 4096)

    override fun condition(): Condition {
        journal += "condition"
        return conditions.getOrElse(conditionsTold++) { Condition() }
    }

    override fun memory(): MemoryReading {
        journal += "memory"
        return readings.getOrElse(readingsTold++) { MemoryReading(null, null, null) }
    }
}
