package dev.edgekd.core.bundle

import dev.edgekd.core.json.JsonFields
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File

/** Whether a file name names a file in its folder: no path, nothing hidden, no odd characters. */
internal fun isPlainName(name: String): Boolean = PLAIN_NAME.matches(name)

private val PLAIN_NAME = Regex("[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
private val HASH = Regex("[0-9a-f]{64}")

/** The files of the bundle in [folder]. */
internal class BundleFiles(private val folder: File) {
    /**
     * The file that the member [key] names, after a check against the hash in [hashKey].
     *
     * Throws [Problem]: it is outside the folder, missing, larger than [mostBytes] (`model`), or
     * another file (`hash`).
     */
    fun checked(fields: JsonFields, key: String, hashKey: String, mostBytes: Long): File {
        val file = named(fields, key)
        if (file.length() > mostBytes) fields.fail(key, "is larger than $mostBytes bytes")
        Sha256.check(file, hash(fields, hashKey))
        return file
    }

    /** The model, whose size tells a part of a file from another file. */
    fun model(fields: JsonFields, bytes: Long): File {
        val file = named(fields, "model")
        if (file.length() != bytes) {
            throw Problem(
                Reason.MODEL,
                "${file.name} holds ${file.length()} bytes of $bytes: copy the bundle anew",
            )
        }
        Sha256.check(file, hash(fields, "sha256"))
        return file
    }

    /** 64 hexadecimal digits. */
    fun hash(fields: JsonFields, key: String): String {
        val hash = fields.text(key)
        return if (HASH.matches(hash)) hash else fields.fail(key, "is no SHA-256")
    }

    private fun named(fields: JsonFields, key: String): File {
        val name = fields.text(key)
        if (!isPlainName(name)) fields.fail(key, "is no plain file name")
        val file = File(folder, name)
        if (!file.isFile) fields.fail(key, "names $name, which is missing: copy the bundle anew")
        // A link that leads elsewhere.
        if (file.canonicalFile.parentFile != folder.canonicalFile) {
            fields.fail(key, "names $name, which lies outside the bundle")
        }
        return file
    }
}
