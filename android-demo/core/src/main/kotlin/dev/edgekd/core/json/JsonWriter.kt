package dev.edgekd.core.json

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/** Appends values to [out]; see [Json.write]. */
internal class JsonWriter(private val out: StringBuilder) {
    fun write(value: JsonValue) {
        when (value) {
            is JsonNull -> {
                out.append("null")
            }

            is JsonBoolean -> {
                out.append(value.value)
            }

            is JsonInteger -> {
                out.append(value.value)
            }

            is JsonReal -> {
                real(value.value)
            }

            is JsonText -> {
                string(value.value)
            }

            is JsonArray -> {
                items('[', value.items, ']') { write(it) }
            }

            is JsonObject -> {
                items('{', value.members.entries, '}') { (key, member) ->
                    string(key)
                    out.append(':')
                    write(member)
                }
            }
        }
    }

    private fun real(value: Double) {
        if (value.isNaN() || value.isInfinite()) {
            throw Problem(Reason.OTHER, "$value cannot be written as JSON")
        }
        out.append(value)
    }

    private inline fun <T> items(open: Char, all: Collection<T>, close: Char, item: (T) -> Unit) {
        out.append(open)
        all.forEachIndexed { index, one ->
            if (index > 0) out.append(',')
            item(one)
        }
        out.append(close)
    }

    private fun string(text: String) {
        out.append('"')
        var index = 0
        while (index < text.length) {
            val pair =
                index + 1 < text.length &&
                    Character.isSurrogatePair(text[index], text[index + 1])
            if (pair) out.append(text[index++]).append(text[index]) else character(text[index])
            index++
        }
        out.append('"')
    }

    private fun character(found: Char) {
        when {
            found == '"' || found == '\\' -> {
                out.append('\\').append(found)
            }

            found == '\n' -> {
                out.append("\\n")
            }

            found < ' ' -> {
                out
                    .append("\\u00")
                    .append(if (found.code < 16) "0" else "")
                    .append(found.code.toString(16))
            }

            found.isSurrogate() -> {
                out.append('\uFFFD')
            }

            else -> {
                out.append(found)
            }
        }
    }
}
