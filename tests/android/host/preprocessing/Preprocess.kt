package dev.edgekd.host

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.bundle.BundleReader
import dev.edgekd.core.preprocessing.Drawing
import dev.edgekd.core.preprocessing.ImagePreprocessing
import dev.edgekd.core.preprocessing.ImageShape
import dev.edgekd.core.preprocessing.Picture
import dev.edgekd.core.preprocessing.SoundPreprocessing
import dev.edgekd.core.preprocessing.TextPreprocessing
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.tensor.Tensor
import java.io.DataInputStream
import java.io.File
import java.io.FileOutputStream

/**
 * Prepares samples as the app does, for comparison with Python.
 *
 * Each line of the file in the first argument is one case, its fields parted by tabs: what to do,
 * the bundle's folder, a file of samples and the file to write. That holds the bytes of every
 * input of every sample; or the line of the problem, where there is one.
 */
fun main(arguments: Array<String>) {
    File(arguments[0]).readLines().forEach { line ->
        val (kind, bundle, samples, result) = line.split('\t')
        FileOutputStream(result).buffered().use { stream ->
            try {
                val prepare = preparation(kind, BundleReader.read(File(bundle)))
                val found = DataInputStream(File(samples).inputStream().buffered())
                found.use { input ->
                    repeat(input.readInt()) {
                        prepare(input).forEach { stream.write(bytesOf(it)) }
                    }
                }
            } catch (problem: Problem) {
                stream.write("${problem.reason.label}: ${problem.message}".toByteArray())
            }
        }
    }
}

private fun preparation(
    kind: String,
    bundle: Bundle,
): (DataInputStream) -> List<Tensor> =
    when (kind) {
        "picture" -> {
            ImagePreprocessing(bundle).let { { input -> it.inputs(picture(input)) } }
        }

        "drawing" -> {
            ImagePreprocessing(bundle).let {
                val shape = ImageShape.of(bundle.inputs[0])
                return { input -> it.inputs(Drawing.fitted(picture(input), shape)) }
            }
        }

        "sound" -> {
            SoundPreprocessing(bundle).let { { input -> it.inputs(sound(input), rate(input)) } }
        }

        "text" -> {
            TextPreprocessing(bundle).let { { input -> it.inputs(text(input)) } }
        }

        else -> {
            error("unknown: $kind")
        }
    }

private fun picture(input: DataInputStream): Picture {
    val width = input.readInt()
    val height = input.readInt()
    return Picture(width, height, IntArray(width * height) { input.readInt() })
}

private fun sound(input: DataInputStream): FloatArray =
    FloatArray(input.readInt()) { input.readFloat() }

private fun rate(input: DataInputStream): Int = input.readInt()

private fun text(input: DataInputStream): String =
    String(
        ByteArray(input.readInt()).also {
            input.readFully(it)
        },
    )

private fun bytesOf(tensor: Tensor): ByteArray {
    val view = tensor.view()
    return ByteArray(view.remaining()).also { view.get(it) }
}
