package dev.edgekd.core.bundle

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File
import java.io.FileOutputStream
import java.io.InputStream
import java.util.zip.ZipEntry

/** Writes the files of one archive into [scratch], never more than [mostBytes] of them. */
internal class ArchiveEntries(private val scratch: File, mostBytes: Long) {
    private val chunk = ByteArray(CHUNK_BYTES)
    private var left = mostBytes
    private var count = 0
    private var top: String? = null

    /** Whether nothing came yet. */
    val isEmpty: Boolean get() = count == 0

    /**
     * Write what [content] holds up to its end, where [entry] is a file of the bundle.
     *
     * Sizes that the archive claims are not looked at: bytes are counted as they come, those that
     * nobody wants included.
     */
    fun take(entry: ZipEntry, content: InputStream) {
        if (++count > MOST_ENTRIES) throw Problem(Reason.MODEL, "this zip holds too many files")
        if (entry.isDirectory || isExtra(entry.name)) {
            copy(content) { _, _ -> }
            return
        }
        val file = File(scratch, nameOf(entry.name))
        if (file.exists()) throw Problem(Reason.MODEL, "this zip holds ${file.name} twice")
        FileOutputStream(file).use { out ->
            copy(content) { bytes, length -> out.write(bytes, 0, length) }
            out.fd.sync()
        }
    }

    /** What file managers add to a folder, or to a zip of it. */
    private fun isExtra(path: String): Boolean =
        path.startsWith(MACOS_EXTRAS) ||
            path.substringAfterLast('/').lowercase() in FOLDER_SETTINGS

    private inline fun copy(content: InputStream, write: (ByteArray, Int) -> Unit) {
        while (true) {
            val read = content.read(chunk)
            if (read < 0) return
            left -= read
            if (left < 0) throw Problem(Reason.MODEL, "what this zip holds is too large")
            write(chunk, read)
        }
    }

    /** The last part of `NAME` or `FOLDER/NAME`; the folder is one and the same for all. */
    private fun nameOf(path: String): String {
        val name = path.substringAfterLast('/')
        val folder = path.removeSuffix(name)
        val known = top ?: folder.also { top = it }
        if (folder != known || !ONE_FOLDER.matches(folder) || !isPlainName(name)) {
            throw Problem(Reason.MODEL, "this zip holds more than the files of a bundle: $path")
        }
        return name
    }

    private companion object {
        const val MOST_ENTRIES = 64
        const val CHUNK_BYTES = 1 shl 16
        const val MACOS_EXTRAS = "__MACOSX/"
        val FOLDER_SETTINGS = setOf(".ds_store", "thumbs.db", "desktop.ini")
        val ONE_FOLDER = Regex("([^./\\\\][^/\\\\]*/)?")
    }
}
