package dev.edgekd.core.bundle

import dev.edgekd.core.problem.Reason
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.File
import java.nio.file.Files
import kotlin.test.Test

/** Files that are not those of the bundle, and a `bundle.json` that is none. */
class BrokenBundleTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private fun small(): SmallBundle = SmallBundle(temporary.newFolder())

    /** A bundle of which one member is otherwise; null: it lacks it. */
    private fun refused(key: String, value: String?, told: String, reason: Reason = Reason.MODEL) {
        val small = small()
        if (value == null) small.members.remove(key) else small.members[key] = value
        assertRefused(small.write(), reason, told)
    }

    @Test
    fun filesThatAreNotTheOnesThatItNames() {
        val cut = small().write()
        File(cut, "model.onnx").run { writeBytes(readBytes().copyOf(100)) }
        assertRefused(cut, Reason.MODEL, "model.onnx holds 100 bytes of 700: copy the bundle anew")
        for (name in listOf("model.onnx", "golden.safetensors")) {
            val other = small().write()
            File(other, name).run { writeBytes(readBytes().also { it[3] = 0 }) }
            assertRefused(other, Reason.HASH, "$name is another file")
            val none = small().write()
            File(none, name).delete()
            assertRefused(none, Reason.MODEL, "names $name, which is missing")
        }
        refused("sha256", "\"${"0".repeat(64)}\"", "another file", Reason.HASH)
        refused("golden_sha256", "null", "golden_sha256 is no text")
        refused("sha256", "\"abc\"", "sha256 is no SHA-256")
    }

    @Test
    fun namesThatLeaveTheFolder() {
        val paths = listOf("../model.onnx", "/etc/passwd", "..", ".", "a/b", "a\\\\b")
        for (name in paths + listOf("", ".x", "-x", "a\\u0000", "a b", "a:b")) {
            refused("model", "\"$name\"", "model is no plain file name")
            refused("golden", "\"$name\"", "golden is no plain file name")
        }
        val small = small()
        val elsewhere = temporary.newFile().apply { writeBytes(small.model) }
        small.members["model"] = "\"link.onnx\""
        Files.createSymbolicLink(File(small.write(), "link.onnx").toPath(), elsewhere.toPath())
        assertRefused(small.folder, Reason.MODEL, "which lies outside the bundle")
    }

    @Test
    fun labelsThatAreMissingOrNotAsManyAsOutputs() {
        refused("labels", null, "labels is missing")
        refused("labels", "null", "labels is no list")
        refused("labels", "[]", "labels are missing: export the model anew")
        refused("labels", "[\"a\", \"b\"]", "labels are 2 for 3 outputs")
        refused("labels", "[\"a\", \"b\", 3]", "labels[2] is no text")
        refused("labels", "[\"a\", \"b\", \"${"c".repeat(201)}\"]", "labels[2] is longer")
        refused("labels", List(10_001) { "\"a\"" }.toString(), "labels holds 10001 items")
    }

    @Test
    fun versionsAndFormatsThatThisAppDoesNotRun() {
        refused("schema", "2", "install a newer app")
        refused("schema", "0", "export the model anew")
        refused("schema", null, "schema is missing")
        refused("format", "\"keras\"", "install a newer app or export anew")
        refused("format", "\"c\"", "does not run in this app", Reason.REQUEST)
        refused("format", "\"coreml\"", "does not run in this app", Reason.REQUEST)
    }

    @Test
    fun jsonThatIsNotWhole() {
        val folder = small().write()
        val file = File(folder, "bundle.json")
        val whole = file.readText()

        fun with(value: String) = whole.replaceFirst("\"bytes\":700", "\"bytes\":$value")
        val broken =
            mapOf(
                whole.dropLast(1) to "bundle.json: JSON with an error",
                with("700,\"bytes\":700") to "a key is repeated",
                with("[".repeat(99)) to "nested too deep",
                with("1e999") to "a number is too large",
                with("99999999999999999999") to "bytes is no whole number",
                with("NaN") to "JSON with an error",
                "[]" to "bundle.json: is no JSON object",
                "" to "JSON with an error",
                whole + " ".repeat(1 shl 20) to "bundle.json is larger than 1 MiB",
            )
        for ((text, told) in broken) {
            file.writeText(text)
            assertRefused(folder, Reason.MODEL, told)
        }
        file.writeBytes(byteArrayOf(-1, -2))
        assertRefused(folder, Reason.MODEL, "bundle.json: JSON that is not UTF-8")
        file.delete()
        assertRefused(folder, Reason.MODEL, "there is no bundle.json in ${folder.name}")
    }

    @Test
    fun aTextOfManyLinesIsToldInOne() {
        val text = "\"a\\nb\\u202ec\\r\\n${"d".repeat(900)}\""
        refused("format", text, "format is unknown: a b c d")
    }
}
