package dev.edgekd.core.demo

import dev.edgekd.core.bundle.Task
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.File
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertNull

class BundleShelfTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val shelf by lazy { BundleShelf(temporary.root) }

    private fun bundle(path: String) = columnBundle(File(temporary.root, path))

    @Test
    fun listsByOriginAndName() {
        listOf("opened/c", "bundles/b", "bundles/a", "shipped/d").forEach(::bundle)

        val listed = shelf.list()

        assertEquals(
            listOf("shipped/d", "bundles/a", "bundles/b", "opened/c"),
            listed.map { it.key },
        )
        assertEquals(Origin.PUSHED, listed[1].origin)
        assertEquals(Task.IMAGE, listed[1].bundle?.task)
        assertEquals("a", listed[1].folderName)
    }

    @Test
    fun whatCannotBeReadIsListedWithItsReason() {
        File(bundle("bundles/cut"), "model.onnx").writeText("col")
        File(temporary.root, "bundles/empty").mkdirs()

        val (cut, empty) = shelf.list()

        assertEquals(Reason.MODEL, cut.problem?.reason)
        assertEquals(true, empty.problem?.message?.contains("bundle.json"))
        assertNull(empty.bundle)
    }

    @Test
    fun removesWhatWasPushedOrOpened() {
        listOf("opened/a", "opened/b", "bundles/a").forEach(::bundle)
        File(bundle("bundles/broken"), "bundle.json").writeText("{")
        File(temporary.root, "opened/.removed/half").mkdirs()

        shelf.list().filter { it.key in setOf("opened/a", "bundles/broken") }.forEach(shelf::remove)

        assertEquals(listOf("bundles/a", "opened/b"), shelf.list().map { it.key })
        assertEquals(listOf("b"), File(temporary.root, "opened").list().orEmpty().toList())
    }

    @Test
    fun whatTheAppShipsStays() {
        bundle("shipped/a")
        val shipped = shelf.list().single()

        val problem = assertFailsWith<Problem> { shelf.remove(shipped) }

        assertEquals(Reason.REQUEST, problem.reason)
        assertNotNull(shelf.list().single().bundle)
    }

    @Test
    fun whatIsGoneCannotBeRemoved() {
        val gone = bundle("opened/a")
        val listed = shelf.list().single()
        gone.deleteRecursively()

        val problem = assertFailsWith<Problem> { shelf.remove(listed) }

        assertEquals(Reason.STORAGE, problem.reason)
    }

    @Test
    fun aLinkIsRemovedAndNotWhatItLeadsTo() {
        val kept = bundle("elsewhere/a").toPath()
        val folder = bundle("bundles/b").toPath()
        Files.createSymbolicLink(folder.resolveSibling("link"), kept)
        Files.createSymbolicLink(folder.resolve("link"), kept)

        shelf.list().forEach(shelf::remove)

        assertEquals(emptyList(), shelf.list())
        assertEquals(Task.IMAGE, shelf.read("elsewhere/a").valueOrNull()?.task)
    }

    @Test
    fun unfinishedFoldersAndFilesAreNoBundles() {
        bundle("opened/.unfinished")
        File(temporary.root, "opened/a file").writeText("text")

        assertEquals(emptyList(), shelf.list())
    }
}
