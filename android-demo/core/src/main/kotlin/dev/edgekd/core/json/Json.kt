package dev.edgekd.core.json

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException

/** Strict RFC 8259: no comments, no trailing commas, no NaN, no duplicate keys, depth at most 32. */
object Json {
    const val MOST_DEPTH: Int = 32

    /**
     * Read one value that is the whole text. The caller bounds the text's size.
     *
     * Throws [Problem] of [reason]: it is not JSON, is deeper than [MOST_DEPTH], repeats a key, or
     * holds a number beyond a double.
     */
    fun parse(text: String, reason: Reason = Reason.MODEL): JsonValue =
        JsonParser(text, reason).parse()

    /** The same for UTF-8, which is checked as well. */
    fun parse(bytes: ByteArray, reason: Reason = Reason.MODEL): JsonValue {
        val text =
            try {
                Charsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString()
            } catch (error: CharacterCodingException) {
                throw Problem(reason, "JSON that is not UTF-8", error)
            }
        return parse(text, reason)
    }

    /**
     * The value in one line, members in their order. Halves of surrogate pairs become U+FFFD.
     *
     * Throws [Problem] (`other`): a number is NaN or infinite.
     */
    fun write(
        value: JsonValue,
    ): String = StringBuilder().also { JsonWriter(it).write(value) }.toString()
}
