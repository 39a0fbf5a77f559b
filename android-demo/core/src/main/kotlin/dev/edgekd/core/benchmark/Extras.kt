package dev.edgekd.core.benchmark

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File
import java.io.IOException

/**
 * The extras of an intent, which any program may have written.
 *
 * What is read throws [Problem] (`request`), with the extra's name, where it is missing, of
 * another type or out of bounds.
 */
internal class Extras(private val values: Map<String, Any?>) {
    /** What nobody reads is a misspelt extra. Names with a dot are Android's own. */
    fun refuseOthersThan(known: Set<String>) {
        val other = values.keys.find { it !in known && '.' !in it } ?: return
        throw wrong(other, "is no extra of a benchmark; known: ${known.sorted().joinToString()}")
    }

    fun text(name: String): String =
        optionalText(name) ?: throw wrong(name, "is missing; give it as --es $name VALUE")

    /** Null where it was not given. */
    fun optionalText(name: String): String? {
        val value = values[name] ?: return null
        if (value !is String) throw wrong(name, "is no text; give it as --es $name VALUE")
        if (value.isEmpty() || value.length > MOST_CHARACTERS) {
            throw wrong(name, "has ${value.length} characters: 1 to $MOST_CHARACTERS are allowed")
        }
        return value
    }

    fun number(name: String, allowed: IntRange): Int {
        val value = values[name] ?: throw wrong(name, "is missing; give it as --ei $name NUMBER")
        if (value !is Int) throw wrong(name, "is no number; give it as --ei $name NUMBER")
        if (value !in allowed) {
            throw wrong(name, "is $value: ${allowed.first} to ${allowed.last} are allowed")
        }
        return value
    }

    /** One of [choices], by its name. */
    fun <T> choice(name: String, choices: List<T>, label: (T) -> String): T {
        val text = text(name)
        return choices.find { label(it) == text }
            ?: throw wrong(name, "is '$text': one of ${choices.joinToString { label(it) }}")
    }

    /** A path below [folder], after links were followed. */
    fun path(name: String, folder: File): File {
        val text = text(name)
        val path =
            try {
                File(folder, text).canonicalFile
            } catch (_: IOException) {
                throw wrong(name, "is '$text', which is no path")
            }
        if (!path.path.startsWith(folder.canonicalPath + File.separator)) {
            throw wrong(name, "is '$text', which lies outside the app's folder of files")
        }
        return path
    }

    fun wrong(name: String, why: String): Problem = Problem(Reason.REQUEST, "extra $name $why")

    private companion object {
        const val MOST_CHARACTERS = 1000
    }
}
