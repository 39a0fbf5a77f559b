package dev.edgekd.core.preprocessing

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/**
 * Pixels row by row, `0xAARRGGBB`, as `Bitmap.getPixels` gives them.
 *
 * Alpha is ignored, as by `edgekd.data.image_folder`. Throws [Problem] (`inputs`) where there are
 * other than [width] times [height] pixels, or none.
 */
class Picture(val width: Int, val height: Int, val argb: IntArray) {
    init {
        if (width < 1 || height < 1 || width.toLong() * height != argb.size.toLong()) {
            throw Problem(
                Reason.INPUTS,
                "a picture of $width x $height cannot hold ${argb.size} pixels",
            )
        }
    }

    /** Copy the red (0), green (1) or blue (2) intensities of a piece of a row, 0 to 1. */
    internal fun colour(channel: Int, row: Int, left: Int, into: DoubleArray) {
        val shift = 16 - 8 * channel
        for (index in into.indices) {
            into[index] = (argb[row * width + left + index] shr shift and 0xFF) / 255.0
        }
    }

    /** Copy the luma of a piece of a row, 0 to 1: Rec. 601, as Pillow's mode `L`. */
    internal fun luma(row: Int, left: Int, into: DoubleArray) {
        for (index in into.indices) {
            val pixel = argb[row * width + left + index]
            val red = pixel shr 16 and 0xFF
            val green = pixel shr 8 and 0xFF
            val blue = pixel and 0xFF
            into[index] = (299 * red + 587 * green + 114 * blue) / 255_000.0
        }
    }
}
