package dev.edgekd.core.tensor

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Values in row-major order, little-endian as on every phone.
 *
 * [bytes] is a view of its own: position 0, limit at the end, little-endian.
 */
class Tensor(val dtype: DType, val shape: List<Int>, bytes: ByteBuffer) {
    val bytes: ByteBuffer = bytes.slice().order(ByteOrder.LITTLE_ENDIAN)

    init {
        val expected = byteSize(dtype, shape)
        if (this.bytes.remaining().toLong() != expected) {
            throw Problem(
                Reason.INPUTS,
                "${dtype.label} $shape takes $expected bytes, not ${this.bytes.remaining()}",
            )
        }
    }

    /** A view of its own on the same values: position 0, little-endian. */
    fun view(): ByteBuffer = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)

    companion object {
        private const val MOST_BYTES = 1L shl 30

        /** Room for a tensor, direct, as the runtimes want it. */
        fun allocate(dtype: DType, shape: List<Int>): Tensor {
            val size = byteSize(dtype, shape)
            return Tensor(dtype, shape, ByteBuffer.allocateDirect(size.toInt()))
        }

        /** Throws [Problem] where a dimension is negative or the whole above 1 GiB. */
        fun byteSize(dtype: DType, shape: List<Int>): Long {
            var size = dtype.bytes.toLong()
            for (dimension in shape) {
                if (dimension < 0) throw Problem(Reason.INPUTS, "negative dimension in $shape")
                size *= dimension
                if (size > MOST_BYTES) throw Problem(Reason.INPUTS, "$shape is too large")
            }
            return size
        }
    }
}
