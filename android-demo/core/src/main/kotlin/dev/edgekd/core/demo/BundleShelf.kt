package dev.edgekd.core.demo

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.bundle.BundleReader
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File

/** Where a bundle came from; the names are those of the folders inside the app's files. */
enum class Origin(val folder: String) {
    /** Inside the package. */
    SHIPPED("shipped"),

    /** By `edgekd push`. */
    PUSHED("bundles"),

    /** From a file that the user chose. */
    OPENED("opened"),
    ;

    /** Whether the app removes it when asked; what the package holds would come back. */
    val isRemovable: Boolean
        get() = this != SHIPPED
}

/**
 * One folder in the list: a bundle, or why it is none.
 *
 * [key] is the same each time that the folder is listed: its path below the app's files.
 */
class ListedBundle(val key: String, val origin: Origin, val outcome: Outcome<Bundle>) {
    val bundle: Bundle?
        get() = outcome.valueOrNull()

    val problem: Problem?
        get() = outcome.problemOrNull

    /** The name of its folder. */
    val folderName: String
        get() = key.substringAfter('/')
}

/** The bundles below the app's folder of [files]. */
class BundleShelf(private val files: File) {
    /**
     * All bundles, by origin and name. Hashes each model: not for the UI thread.
     *
     * A folder that cannot be read is listed with its problem. Names that begin with a dot are
     * unfinished.
     */
    fun list(): List<ListedBundle> =
        Origin.entries.flatMap { origin ->
            val folders = File(files, origin.folder).listFiles { file -> file.isDirectory }
            folders
                .orEmpty()
                .filterNot { it.name.startsWith(".") }
                .sortedBy { it.name }
                .take(MOST_BUNDLES)
                .map { ListedBundle("${origin.folder}/${it.name}", origin, read(it)) }
        }

    /** The bundle of a [key] that [list] gave. */
    fun read(key: String): Outcome<Bundle> = read(File(files, key))

    /**
     * Remove the folder of a bundle that [list] gave.
     *
     * Throws [Problem]: it came with the app (`request`), or cannot be removed (`storage`).
     */
    fun remove(listed: ListedBundle) {
        if (!listed.origin.isRemovable) {
            throw Problem(Reason.REQUEST, "${listed.folderName} is a part of the app")
        }
        val folder = File(files, listed.key)
        // Renamed first: a bundle goes as a whole, whatever stops the rest.
        val unlisted = File(folder.parentFile, REMOVED)
        removeTree(unlisted)
        if (!folder.renameTo(unlisted)) {
            throw Problem(Reason.STORAGE, "${listed.folderName} cannot be removed")
        }
        removeTree(unlisted)
    }

    /** Links are removed, never what they lead to. */
    private fun removeTree(file: File) {
        if (file.delete()) return
        file.listFiles().orEmpty().forEach(::removeTree)
        file.delete()
    }

    private fun read(folder: File): Outcome<Bundle> = attempt { BundleReader.read(folder) }

    private companion object {
        const val MOST_BUNDLES = 200
        const val REMOVED = ".removed"
    }
}
