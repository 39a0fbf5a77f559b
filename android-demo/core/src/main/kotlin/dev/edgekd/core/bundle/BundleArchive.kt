package dev.edgekd.core.bundle

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.EOFException
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.util.zip.ZipException
import java.util.zip.ZipInputStream

/** Bundles as one file: a zip of the folder, or of the files in it. */
object BundleArchive {
    /** What all files of a bundle together may take. */
    const val MOST_BYTES: Long = 1L shl 30

    /** Unpacked here first; what a killed process left is removed by the next one. */
    private const val SCRATCH = ".unpacking"
    private const val REPLACED = ".replaced"
    private val ODD_CHARACTERS = Regex("[^A-Za-z0-9_-]+")
    private const val MOST_NAME = 80

    /**
     * Unpack, check and move to a folder of its own in [into], which is given back. The same
     * bundle from before is replaced. After a failure nothing of it is left. The caller closes
     * [stream].
     *
     * Throws [Problem]: it is no zip of one bundle, holds more than [mostBytes] (`model`), what
     * [BundleReader] throws, or there is no room (`storage`).
     */
    @Synchronized
    fun unpack(stream: InputStream, into: File, mostBytes: Long = MOST_BYTES): File {
        val scratch = File(into, SCRATCH)
        try {
            scratch.deleteRecursively()
            if (!scratch.mkdirs()) throw IOException("cannot make ${scratch.name}")
            unpackFiles(stream, scratch, mostBytes)
            val bundle = BundleReader.read(scratch)
            return moved(scratch, File(into, folderName(bundle)), File(into, REPLACED))
        } catch (error: ZipException) {
            throw Problem(Reason.MODEL, "this is no whole zip of a bundle: ${error.message}", error)
        } catch (error: EOFException) {
            throw Problem(Reason.MODEL, "this zip is cut off: copy it again", error)
        } catch (error: IOException) {
            throw Problem(Reason.STORAGE, "the bundle cannot be unpacked: ${error.message}", error)
        } finally {
            scratch.deleteRecursively()
        }
    }

    private fun unpackFiles(stream: InputStream, scratch: File, mostBytes: Long) {
        val entries = ArchiveEntries(scratch, mostBytes)
        val zip = ZipInputStream(stream)
        while (true) {
            val entry =
                try {
                    zip.nextEntry ?: break
                } catch (error: IllegalArgumentException) {
                    // Names that are not UTF-8.
                    throw Problem(Reason.MODEL, "this zip holds a name that cannot be read", error)
                }
            entries.take(entry, zip)
        }
        if (entries.isEmpty) throw Problem(Reason.MODEL, "this is no zip of a bundle")
    }

    private fun folderName(bundle: Bundle): String {
        val words = listOf(bundle.name, bundle.rung, bundle.engine.label).joinToString("-")
        val plain = ODD_CHARACTERS.replace(words, "-").take(MOST_NAME)
        return "$plain-${bundle.sha256.take(8)}"
    }

    private fun moved(scratch: File, folder: File, replaced: File): File {
        replaced.deleteRecursively()
        val free = !folder.exists() || folder.renameTo(replaced)
        if (!free) throw IOException("cannot replace ${folder.name}")
        if (!scratch.renameTo(folder)) {
            replaced.renameTo(folder)
            throw IOException("cannot make ${folder.name}")
        }
        replaced.deleteRecursively()
        return folder
    }
}
