package dev.edgekd.core.benchmark

import dev.edgekd.core.problem.problemOf
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.io.RandomAccessFile

/**
 * `edgekd-bench/results/RUN_ID.json` below the app's folder of files.
 *
 * It appears whole or not at all: it is written under another name, synced and renamed. A few KiB
 * are taken on the disk before the work starts, so that a full disk can still be told.
 */
internal class ResultFile(files: File, runId: String) {
    private val folder = File(files, "edgekd-bench/results")
    private val target = File(folder, "$runId.json")
    private val temporary = File(folder, "$runId.json.tmp")
    private val reserved = File(folder, "$runId.json.reserved")

    /** Take room for an error. Throws [IOException]: there is none, or no folder. */
    fun reserve() {
        if (!folder.isDirectory && !folder.mkdirs()) throw IOException("$folder cannot be made")
        try {
            // Spaces: zeros might be stored as a hole.
            synced(reserved) { it.write(ByteArray(RESERVED_BYTES) { ' '.code.toByte() }) }
        } catch (error: IOException) {
            reserved.delete()
            throw error
        }
    }

    /**
     * Write the record; where that fails, the reason why into the room that was taken.
     *
     * Throws [IOException] where not even that can be written.
     */
    fun write(record: RunRecord) {
        try {
            synced(temporary) { stream ->
                val buffered = stream.buffered(BUFFER_BYTES)
                ResultWriter(buffered).write(record)
                buffered.flush()
            }
            rename(temporary)
        } catch (error: Throwable) {
            temporary.delete()
            record.forget(problemOf(error))
            writeReserved(record)
        } finally {
            reserved.delete()
        }
    }

    /** Over the bytes that are there already: no new room is needed. */
    private fun writeReserved(record: RunRecord) {
        RandomAccessFile(reserved, "rw").use { file ->
            val bytes = ByteArrayOutputStream().also { ResultWriter(it).write(record) }
            // What is left of the room are spaces, which JSON allows at its end.
            file.write(bytes.toByteArray())
            file.fd.sync()
        }
        rename(reserved)
    }

    private fun rename(written: File) {
        if (!written.renameTo(target)) throw IOException("$written cannot be renamed to $target")
    }

    private fun synced(file: File, write: (FileOutputStream) -> Unit) {
        FileOutputStream(file).use {
            write(it)
            it.fd.sync()
        }
    }

    private companion object {
        const val RESERVED_BYTES = 8192
        const val BUFFER_BYTES = 1 shl 16
    }
}
