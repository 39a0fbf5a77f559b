package dev.edgekd.core.demo

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.bundle.BundleReader
import dev.edgekd.core.problem.Problem
import java.io.File

/** Where a bundle came from; the names are those of the folders inside the app's files. */
enum class Origin(val folder: String) {
    /** Inside the package. */
    SHIPPED("shipped"),

    /** By `edgekd push`. */
    PUSHED("bundles"),

    /** From a file that the user chose. */
    OPENED("opened"),
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

    private fun read(folder: File): Outcome<Bundle> = attempt { BundleReader.read(folder) }

    private companion object {
        const val MOST_BUNDLES = 200
    }
}
