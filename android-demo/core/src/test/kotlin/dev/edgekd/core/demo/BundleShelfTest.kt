package dev.edgekd.core.demo

import dev.edgekd.core.bundle.Task
import dev.edgekd.core.problem.Reason
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
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
    fun unfinishedFoldersAndFilesAreNoBundles() {
        bundle("opened/.unfinished")
        File(temporary.root, "opened/a file").writeText("text")

        assertEquals(emptyList(), shelf.list())
    }
}
