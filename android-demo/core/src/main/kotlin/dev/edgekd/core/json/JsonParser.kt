package dev.edgekd.core.json

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/** One pass over one text; see [Json.parse]. */
internal class JsonParser(private val text: String, private val reason: Reason) {
    private var position = 0

    fun parse(): JsonValue {
        val value = value(Json.MOST_DEPTH)
        skipSpace()
        if (position != text.length) fail("more after the end")
        return value
    }

    private fun value(depth: Int): JsonValue {
        skipSpace()
        return when (val start = peek()) {
            '{' -> objectValue(deeper(depth))
            '[' -> arrayValue(deeper(depth))
            '"' -> JsonText(string())
            't' -> literal("true", JsonBoolean(true))
            'f' -> literal("false", JsonBoolean(false))
            'n' -> literal("null", JsonNull)
            else -> if (start == '-' || start.isDigit()) number() else fail("no value")
        }
    }

    private fun deeper(depth: Int): Int = if (depth > 0) depth - 1 else fail("nested too deep")

    private fun objectValue(depth: Int): JsonObject {
        val members = LinkedHashMap<String, JsonValue>()
        items('}') {
            if (peek() != '"') fail("no key")
            val key = string()
            skipSpace()
            expect(':')
            if (members.containsKey(key)) fail("a key is repeated")
            members[key] = value(depth)
        }
        return JsonObject(members)
    }

    private fun arrayValue(depth: Int): JsonArray {
        val items = ArrayList<JsonValue>()
        items(']') { items.add(value(depth)) }
        return JsonArray(items)
    }

    /** From the opening bracket to behind the [closing] one. */
    private inline fun items(closing: Char, item: () -> Unit) {
        position++
        skipSpace()
        if (peek() == closing) {
            position++
            return
        }
        while (true) {
            skipSpace()
            item()
            skipSpace()
            if (peek() == closing) break
            expect(',')
        }
        position++
    }

    private fun literal(word: String, value: JsonValue): JsonValue {
        if (!text.startsWith(word, position)) fail("no value")
        position += word.length
        return value
    }

    private fun string(): String {
        position++
        val start = position
        while (peek() !in "\"\\") plain()
        val built = StringBuilder().append(text, start, position)
        while (peek() != '"') built.append(if (peek() == '\\') escaped() else plain())
        position++
        val whole = built.toString()
        return if (whole.hasLoneSurrogate()) fail("half of a surrogate pair") else whole
    }

    private fun plain(): Char {
        val found = peek()
        if (found < ' ') fail("a control character in a string")
        position++
        return found
    }

    private fun escaped(): Char {
        position++
        val found = peek()
        position++
        return when (found) {
            '"', '\\', '/' -> found
            'b' -> '\b'
            'f' -> '\u000C'
            'n' -> '\n'
            'r' -> '\r'
            't' -> '\t'
            'u' -> (0 until 4).fold(0) { code, _ -> code * 16 + hexDigit() }.toChar()
            else -> fail("an unknown escape")
        }
    }

    private fun hexDigit(): Int {
        val digit = "0123456789abcdef".indexOf(peek().lowercaseChar())
        if (digit < 0) fail("an unknown escape")
        position++
        return digit
    }

    private fun number(): JsonValue {
        val start = position
        if (peek() == '-') position++
        if (peek() == '0') position++ else digits()
        val whole = position
        if (at('.')) {
            position++
            digits()
        }
        if (at('e') || at('E')) {
            position++
            if (at('+') || at('-')) position++
            digits()
        }
        val literal = text.substring(start, position)
        val integer = if (position == whole && literal != "-0") literal.toLongOrNull() else null
        if (integer != null) return JsonInteger(integer)
        val real = literal.toDouble()
        return if (real.isInfinite()) fail("a number is too large") else JsonReal(real)
    }

    private fun digits() {
        if (!peek().isDigit()) fail("no digit")
        while (position < text.length && text[position].isDigit()) position++
    }

    private fun Char.isDigit(): Boolean = this in '0'..'9'

    private fun skipSpace() {
        while (position < text.length && text[position] in " \t\n\r") position++
    }

    private fun at(expected: Char): Boolean = text.getOrNull(position) == expected

    private fun peek(): Char = text.getOrNull(position) ?: fail("the end is missing")

    private fun expect(expected: Char) {
        if (peek() != expected) fail("no '$expected'")
        position++
    }

    private fun fail(what: String): Nothing =
        throw Problem(reason, "JSON with an error at character $position: $what")
}

/** Whether a surrogate stands without its other half. */
private fun String.hasLoneSurrogate(): Boolean {
    var index = 0
    while (index < length) {
        val pair = index + 1 < length && Character.isSurrogatePair(this[index], this[index + 1])
        if (!pair && this[index].isSurrogate()) return true
        index += if (pair) 2 else 1
    }
    return false
}
