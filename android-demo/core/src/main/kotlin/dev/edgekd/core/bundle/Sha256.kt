package dev.edgekd.core.bundle

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File
import java.io.FileInputStream
import java.io.IOException
import java.security.MessageDigest

/** The hash that files are known by. */
object Sha256 {
    private const val CHUNK_BYTES = 1 shl 16

    /** 64 lower-case hexadecimal digits. Throws [Problem] (`storage`): the file cannot be read. */
    fun of(file: File): String {
        val digest = MessageDigest.getInstance("SHA-256")
        val chunk = ByteArray(CHUNK_BYTES)
        try {
            FileInputStream(file).use { stream ->
                while (true) {
                    val read = stream.read(chunk)
                    if (read < 0) break
                    digest.update(chunk, 0, read)
                }
            }
        } catch (error: IOException) {
            throw Problem(Reason.STORAGE, "${file.name} cannot be read: ${error.message}", error)
        }
        return digest.digest().joinToString("") { "%02x".format(it) }
    }

    /** Throws [Problem] (`hash`) where the file has another one. */
    fun check(file: File, expected: String) {
        if (of(file) != expected) {
            throw Problem(
                Reason.HASH,
                "${file.name} is another file than its bundle names: copy the bundle anew",
            )
        }
    }
}
