package dev.edgekd.core.tensor

/** How numbers are laid out in an input; the names are those of `bundle.json`. */
enum class Layout { NCHW, NHWC, NC }

/** `real = scale * (stored - zeroPoint)`. */
data class Quantization(val scale: Float, val zeroPoint: Int)

/** One input or output of a model; [shape] includes the batch of one. */
data class TensorSpec(
    val name: String,
    val dtype: DType,
    val shape: List<Int>,
    val layout: Layout? = null,
    val quantization: Quantization? = null,
)
