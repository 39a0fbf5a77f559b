package dev.edgekd.demo.engines

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.MappedByteBuffer
import java.nio.channels.FileChannel

private const val IDENTIFIER_AT = 4
private const val IDENTIFIER_BYTES = 4

/** The length of a file in bytes. Throws [Problem] (`model`): it cannot be a model. */
internal fun lengthOf(model: File): Long {
    if (!model.isFile) throw Problem(Reason.MODEL, "there is no file ${model.name}")
    val length = model.length()
    if (length == 0L || length > Int.MAX_VALUE) {
        throw Problem(Reason.MODEL, "${model.name} has $length bytes and is no model")
    }
    return length
}

/** The file, mapped. Throws [Problem]: it cannot be read (`storage`), or is no model (`model`). */
internal fun mapped(model: File): MappedByteBuffer {
    val length = lengthOf(model)
    try {
        return RandomAccessFile(model, "r").use { file ->
            file.channel.map(FileChannel.MapMode.READ_ONLY, 0, length)
        }
    } catch (failure: IOException) {
        throw Problem(Reason.STORAGE, "${model.name} cannot be read: ${failure.message}", failure)
    }
}

/** The mapped file where it begins as a TensorFlow Lite model does; LiteRT verifies the rest. */
internal fun mappedTflite(model: File): MappedByteBuffer {
    val bytes = mapped(model)
    if (identifier(bytes) != "TFL3") {
        throw Problem(Reason.MODEL, "${model.name} is no TensorFlow Lite model")
    }
    return bytes
}

/** Of a FlatBuffers file; empty where it is too short to have one. */
internal fun identifier(bytes: ByteBuffer): String =
    if (bytes.capacity() < IDENTIFIER_AT + IDENTIFIER_BYTES) "" else letters(bytes, IDENTIFIER_AT)

/** Four of them. */
internal fun letters(bytes: ByteBuffer, at: Int): String {
    val letters = ByteArray(IDENTIFIER_BYTES) { bytes.get(at + it) }
    return String(letters, Charsets.ISO_8859_1)
}
