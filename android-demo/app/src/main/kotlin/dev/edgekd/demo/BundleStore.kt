package dev.edgekd.demo

import android.content.Context
import android.net.Uri
import dev.edgekd.core.bundle.BundleArchive
import dev.edgekd.core.bundle.BundleReader
import dev.edgekd.core.demo.BundleShelf
import dev.edgekd.core.demo.ListedBundle
import dev.edgekd.core.demo.Origin
import dev.edgekd.core.demo.Outcome
import dev.edgekd.core.demo.attempt
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.security.MessageDigest

/** The bundles of this app: shipped, pushed and opened. All of it takes time. */
internal class BundleStore(context: Context) {
    private val files = context.filesDir
    private val assets = context.assets
    private val resolver = context.contentResolver

    /** What is below the app's folder of files. */
    val shelf: BundleShelf = BundleShelf(files)

    /** All bundles; those of the package are unpacked first where they are new. */
    fun list(): List<ListedBundle> = synchronized(LOCK) { listed() }

    private fun listed(): List<ListedBundle> {
        val names = assets.list(SHIPPED).orEmpty().toList()
        val unpacked = names.associateWith { attempt { unpacked(it) } }
        val wanted = unpacked.values.mapNotNull { (it as? Outcome.Success)?.value?.name }
        val folder = File(files, Origin.SHIPPED.folder)
        folder.listFiles().orEmpty().filterNot { it.name in wanted }.forEach {
            it.deleteRecursively()
        }
        val failed =
            unpacked.mapNotNull { (name, outcome) ->
                (outcome as? Outcome.Failure)?.let {
                    ListedBundle("${Origin.SHIPPED.folder}/$name", Origin.SHIPPED, it)
                }
            }
        return failed + shelf.list()
    }

    /**
     * Keep the bundle in the zip file at [address].
     *
     * Throws [Problem]: it cannot be read or kept, or holds no bundle.
     */
    fun open(address: Uri) {
        val stream =
            resolver.openInputStream(address)
                ?: throw Problem(Reason.STORAGE, "the file cannot be opened")
        stream.use {
            synchronized(LOCK) { BundleArchive.unpack(it, File(files, Origin.OPENED.folder)) }
        }
    }

    /** Remove a bundle that was pushed or opened. Throws [Problem] as [BundleShelf.remove] does. */
    fun remove(listed: ListedBundle) = synchronized(LOCK) { shelf.remove(listed) }

    /** The folder of a shipped bundle; its name holds the hash of what it says of itself. */
    private fun unpacked(name: String): File {
        val source = "$SHIPPED/$name"
        val description = assets.open("$source/${BundleReader.FILE}").use { it.readBytes() }
        val folder = File(files, "${Origin.SHIPPED.folder}/$name-${hashOf(description)}")
        if (!folder.isDirectory) copy(source, folder)
        return folder
    }

    private fun copy(source: String, folder: File) {
        val unfinished = File(folder.parentFile, ".${folder.name}")
        unfinished.deleteRecursively()
        if (!unfinished.mkdirs()) throw IOException("no folder for ${folder.name}")
        for (name in assets.list(source).orEmpty()) {
            FileOutputStream(File(unfinished, name)).use { output ->
                assets.open("$source/$name").use { it.copyTo(output) }
                output.fd.sync()
            }
        }
        if (!unfinished.renameTo(folder)) throw IOException("${folder.name} cannot be kept")
    }

    private fun hashOf(bytes: ByteArray): String {
        val digest = MessageDigest.getInstance("SHA-256").digest(bytes)
        return digest.take(HASH_BYTES).joinToString("") { "%02x".format(it) }
    }

    private companion object {
        const val SHIPPED = "bundles"
        const val HASH_BYTES = 8

        /** A screen that was turned away may still unpack while the next one lists. */
        val LOCK = Any()
    }
}
