package dev.edgekd.core.bundle

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.SequenceInputStream
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class BundleArchiveTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val into by lazy { File(temporary.root, "into") }
    private val small by lazy { SmallBundle(File(temporary.root, "small")).apply { write() } }

    private fun files(): Map<String, ByteArray> =
        small.folder
            .listFiles()
            .orEmpty()
            .associate { it.name to it.readBytes() }

    private fun zip(files: Map<String, ByteArray>): ByteArray {
        val bytes = ByteArrayOutputStream()
        ZipOutputStream(bytes).use { zip ->
            for ((name, content) in files) {
                zip.putNextEntry(ZipEntry(name))
                zip.write(content)
            }
        }
        return bytes.toByteArray()
    }

    private fun left(): List<String> = into.list().orEmpty().sorted()

    private fun refused(zip: InputStream, reason: Reason, told: String, mostBytes: Long = 100_000) {
        val before = left()
        val problem = assertFailsWith<Problem>(told) { BundleArchive.unpack(zip, into, mostBytes) }
        assertTrue(told in problem.message, "'$told' is not in '${problem.message}'")
        assertEquals(reason, problem.reason)
        assertEquals(before, left())
    }

    private fun refused(zip: ByteArray, told: String) =
        refused(
            zip.inputStream(),
            Reason.MODEL,
            told,
        )

    @Test
    fun unpacksFilesAndAFolderOfFiles() {
        val nested = files().mapKeys { "my bundle/${it.key}" }
        val extras = mapOf("my bundle/" to ByteArray(0), "__MACOSX/my bundle/._x" to ByteArray(9))
        for (files in listOf(files(), nested, extras + nested)) {
            val folder = BundleArchive.unpack(zip(files).inputStream(), into)
            assertEquals("digits-distilled-int8-onnx-${sha256(small.model).take(8)}", folder.name)
            assertEquals(listOf(folder.name), left())
            assertEquals(files().keys, folder.list().orEmpty().toSet())
            for ((name, content) in files()) {
                assertContentEquals(
                    content,
                    File(folder, name).readBytes(),
                )
            }
            assertEquals(folder, BundleReader.read(folder).folder)
        }
    }

    @Test
    fun leavesOutWhatFileManagersAdd() {
        val nested = files().mapKeys { "my bundle/${it.key}" }
        for (name in listOf(".DS_Store", "Thumbs.db", "desktop.ini")) {
            val extras = listOf(name, "my bundle/$name").associateWith { ByteArray(9) }
            val folder = BundleArchive.unpack(zip(extras + nested).inputStream(), into)
            assertEquals(files().keys, folder.list().orEmpty().toSet())
            refused(zip(nested + (name to ByteArray(200_000))), "too large")
            val many = (0..64).associate { "$it/$name" to ByteArray(0) }
            refused(zip(nested + many), "too many files")
        }
    }

    @Test
    fun aNewerEditionReplacesTheOlder() {
        val old = BundleArchive.unpack(zip(files()).inputStream(), into)
        File(old, "left over").writeText("x")
        small.members["scheme"] = "\"another\""
        small.write()
        val new = BundleArchive.unpack(zip(files()).inputStream(), into)
        assertEquals(old, new)
        assertEquals("another", BundleReader.read(new).scheme)
        assertEquals(files().keys, new.list().orEmpty().toSet())
        assertEquals(listOf(new.name), left())
    }

    @Test
    fun noNameLeavesTheFolder() {
        small.members["name"] = "\"../../databases\""
        small.write()
        val folder = BundleArchive.unpack(zip(files()).inputStream(), into)
        assertEquals(into, folder.parentFile)
        assertTrue(folder.name.startsWith("-databases-distilled"), folder.name)
    }

    @Test
    fun refusesNamesThatLeaveTheFolder() {
        val names =
            listOf("../evil", "/evil", "a/../../evil", "../bundle.json", "./evil", "a/b/evil")
        for (name in names + listOf("..", "a\\evil", "C:evil", ".evil", "evil\u0000", "b/evil")) {
            refused(zip(files() + (name to ByteArray(1))), "more than the files of a bundle")
        }
        assertEquals(
            listOf("into", "small"),
            temporary.root
                .list()
                .orEmpty()
                .sorted(),
        )
    }

    @Test
    fun refusesWhatGrowsWithoutEnd() {
        val zeros = ByteArray(200_000)
        refused(zip(files() + ("zeros" to zeros)), "too large")
        refused(zip(files() + ("__MACOSX/zeros" to zeros)), "too large")
        refused(zip(files() + (0..64).associate { "file$it" to ByteArray(0) }), "too many files")
    }

    @Test
    fun aLyingHeaderChangesNothing() {
        val lying = zip(files() + ("zeros" to ByteArray(200_000)))
        // Without the flag that sizes follow the content, and with the sizes 0 in front of it.
        val header = lying.indexOf("zeros".toByteArray()) - LOCAL_HEADER_BYTES
        lying[header + LOCAL_FLAGS] = 0
        refused(lying, "too large")
        refused(lying.inputStream(), Reason.MODEL, "no whole zip", mostBytes = 1L shl 30)
    }

    @Test
    fun refusesArchivesThatAreNotWhole() {
        val whole = zip(files())
        refused(ByteArray(0), "no zip of a bundle")
        refused("no zip".toByteArray(), "no zip of a bundle")
        refused(zip(mapOf("readme.txt" to ByteArray(3))), "there is no bundle.json")
        for (size in 10 until whole.size step 37) {
            val problem =
                runCatching {
                    BundleArchive.unpack(whole.copyOf(size).inputStream(), into)
                }.exceptionOrNull()
            // What is cut off behind the last file was not needed.
            val unneeded = whole.indexOf(byteArrayOf(0x50, 0x4B, 1, 2))
            assertTrue(
                problem is Problem || (problem == null && size >= unneeded),
                "$size: $problem",
            )
            if (problem == null) into.deleteRecursively()
            assertEquals(emptyList(), left())
        }
        val damaged = whole.copyOf()
        damaged[whole.indexOf("model.onnx".toByteArray()) + 12]++
        val problem = assertFailsWith<Problem> { BundleArchive.unpack(damaged.inputStream(), into) }
        assertEquals(Reason.MODEL, problem.reason)
    }

    @Test
    fun aBrokenBundleNeverArrives() {
        refused(
            zip(files() + ("model.onnx" to ByteArray(700))).inputStream(),
            Reason.HASH,
            "another file",
        )
        refused(zip(files() - "golden.safetensors"), "which is missing")
    }

    @Test
    fun storageThatFailsIsToldAsSuch() {
        val stream =
            SequenceInputStream(
                zip(files()).copyOf(200).inputStream(),
                object : InputStream() {
                    override fun read(): Int = throw IOException("I/O error\non two lines")
                },
            )
        refused(stream, Reason.STORAGE, "I/O error on two lines")
        into.deleteRecursively()
        into.writeText("a file where the folder should be")
        refused(zip(files()).inputStream(), Reason.STORAGE, "cannot be unpacked")
    }

    private fun ByteArray.indexOf(part: ByteArray, from: Int = 0): Int =
        (from..size - part.size).first { start ->
            part.indices.all { this[start + it] == part[it] }
        }

    private companion object {
        const val LOCAL_HEADER_BYTES = 30
        const val LOCAL_FLAGS = 6
    }
}
