package dev.edgekd.core.preprocessing

import dev.edgekd.core.bundle.Axis
import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.bundle.FeatureKind
import dev.edgekd.core.bundle.FrontEnd
import dev.edgekd.core.bundle.Preprocessing
import dev.edgekd.core.bundle.TextSettings
import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Layout
import dev.edgekd.core.tensor.Quantization
import dev.edgekd.core.tensor.Quantizer
import dev.edgekd.core.tensor.Tensor
import dev.edgekd.core.tensor.TensorSpec
import java.io.File
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

/** [action] fails for [reason], with a line that holds [told]. */
internal fun assertProblem(reason: Reason, told: String, action: () -> Unit) {
    val problem = assertFailsWith<Problem> { action() }
    assertEquals(reason, problem.reason, problem.message)
    assertTrue(told in problem.message, problem.message)
}

/** A bundle without files. */
internal fun bundleOf(
    inputs: List<TensorSpec>,
    preprocessing: Preprocessing?,
    outputs: List<TensorSpec> = listOf(TensorSpec("y", DType.FLOAT32, listOf(1, 3))),
    labels: List<String> = listOf("a", "b", "c"),
    golden: File? = null,
): Bundle =
    Bundle(
        name = "small",
        rung = "distilled-fp32",
        engine = EngineName.ONNX,
        precision = "fp32",
        scheme = "float32",
        folder = File("."),
        model = File("model.onnx"),
        sha256 = "",
        modelBytes = 1,
        inputs = inputs,
        outputs = outputs,
        labels = labels,
        preprocessing = preprocessing,
        golden = golden,
    )

/** Of `[1, 1, height, width]` or `[1, 3, height, width]` in [layout]. */
internal fun imageBundle(
    channels: Int,
    height: Int,
    width: Int,
    layout: Layout = Layout.NCHW,
    mean: List<Double> = listOf(0.0),
    std: List<Double> = listOf(1.0),
    quantization: Quantization? = null,
): Bundle {
    val shape =
        if (layout == Layout.NCHW) {
            listOf(1, channels, height, width)
        } else {
            listOf(1, height, width, channels)
        }
    val dtype = if (quantization == null) DType.FLOAT32 else DType.INT8
    val preprocessing = Preprocessing(1 / 255.0, mean, std, Axis.CHANNEL, null, null)
    return bundleOf(listOf(TensorSpec("x", dtype, shape, layout, quantization)), preprocessing)
}

/** 4 frames of 5 coefficients from 0.1 s at 1000 Hz. */
internal fun soundBundle(frames: Int = 4, axis: Axis = Axis.BIN): Bundle {
    val frontEnd = FrontEnd(FeatureKind.MFCC, 1000, 0.1, 40.0, 20.0, 8, 5, 20.0, 500.0)
    val preprocessing = Preprocessing(1.0, listOf(0.0), listOf(1.0), axis, frontEnd, null)
    val shape = listOf(1, 1, frames, 5)
    return bundleOf(listOf(TensorSpec("x", DType.FLOAT32, shape, Layout.NCHW)), preprocessing)
}

/** Of 8 tokens. */
internal fun textBundle(tokenizer: File, vararg inputs: Pair<String, DType>): Bundle {
    val settings = TextSettings(tokenizer, 8)
    val preprocessing =
        Preprocessing(1.0, listOf(0.0), listOf(1.0), Axis.CHANNEL, null, settings)
    return bundleOf(inputs.map { TensorSpec(it.first, it.second, listOf(1, 8)) }, preprocessing)
}

/** What one input holds. */
internal fun realValues(inputs: List<Tensor>): List<Float> =
    Quantizer.realValues(inputs.single(), null).toList()

/** Grey values, 0 to 255. */
internal fun grey(width: Int, height: Int, value: (x: Int, y: Int) -> Int): Picture =
    Picture(width, height, IntArray(width * height) { value(it % width, it / width) * 0x010101 })
