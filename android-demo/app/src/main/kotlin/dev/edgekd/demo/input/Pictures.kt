package dev.edgekd.demo.input

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Matrix
import android.media.ExifInterface
import android.net.Uri
import dev.edgekd.core.prediction.Sample
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.IOException
import java.io.InputStream

/** Pictures of other apps, decoded at a bounded size. */
internal class Pictures(private val resolver: ContentResolver) {
    /** Throws [Problem]: it cannot be read, or is no picture. */
    fun read(address: Uri): Sample.Image {
        val bounds = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        opened(address).use { BitmapFactory.decodeStream(it, null, bounds) }
        if (bounds.outWidth <= 0 || bounds.outHeight <= 0) throw noPicture()
        val options =
            BitmapFactory.Options().apply {
                inSampleSize = reduction(maxOf(bounds.outWidth, bounds.outHeight))
                inPreferredConfig = Bitmap.Config.ARGB_8888
            }
        val bitmap =
            opened(address).use { BitmapFactory.decodeStream(it, null, options) }
                ?: throw noPicture()
        return turned(bitmap, degrees(address)).toSample()
    }

    private fun opened(address: Uri): InputStream =
        resolver.openInputStream(address)
            ?: throw Problem(Reason.INPUTS, "the picture cannot be opened")

    private fun noPicture() = Problem(Reason.INPUTS, "this file is no picture")

    /** A power of two that brings [side] to at most [MOST_PIXELS]. */
    private fun reduction(side: Int): Int {
        var factor = 1
        while (side / factor > MOST_PIXELS) factor *= 2
        return factor
    }

    /** 0 where nothing can be read of it: the picture itself was read. */
    private fun degrees(address: Uri): Float =
        try {
            opened(address).use { rotation(it) }
        } catch (_: IOException) {
            0f
        }

    /** A camera writes down how it was held instead of turning the picture. */
    private fun rotation(stream: InputStream): Float =
        when (ExifInterface(stream).getAttributeInt(ExifInterface.TAG_ORIENTATION, 0)) {
            ExifInterface.ORIENTATION_ROTATE_90 -> 90f
            ExifInterface.ORIENTATION_ROTATE_180 -> 180f
            ExifInterface.ORIENTATION_ROTATE_270 -> 270f
            else -> 0f
        }

    private fun turned(bitmap: Bitmap, degrees: Float): Bitmap {
        if (degrees == 0f) return bitmap
        val matrix = Matrix().apply { postRotate(degrees) }
        return Bitmap.createBitmap(bitmap, 0, 0, bitmap.width, bitmap.height, matrix, true)
    }

    private companion object {
        const val MOST_PIXELS = 1024
    }
}

/** The pixels, for the models. */
internal fun Bitmap.toSample(): Sample.Image {
    val pixels = IntArray(width * height)
    getPixels(pixels, 0, width, 0, 0, width, height)
    return Sample.Image(width, height, pixels)
}

/** The pixels, for the screen. */
internal fun Sample.Image.toBitmap(): Bitmap =
    Bitmap.createBitmap(argb, width, height, Bitmap.Config.ARGB_8888)
