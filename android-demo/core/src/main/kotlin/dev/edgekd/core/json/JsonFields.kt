package dev.edgekd.core.json

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/**
 * The members of an object that comes from outside, each checked when it is asked for.
 *
 * Every function throws [Problem] of [reason] with a line that says where: [where] is the file,
 * and the path inside it. Unknown members are left alone.
 */
class JsonFields(value: JsonValue, private val where: String, private val reason: Reason) {
    private val members: Map<String, JsonValue> =
        (value as? JsonObject ?: throw Problem(reason, "$where: is no JSON object")).members

    /** Whether there is such a member, and it is not null. */
    fun has(name: String): Boolean = (members[name] ?: JsonNull) != JsonNull

    /** A string of at most [most] characters. */
    fun text(name: String, most: Int = 1000): String = textOf(member(name), name, most)

    /** A whole number; one that is written as `40.0` is accepted. */
    fun integer(name: String, range: LongRange): Long = integerOf(member(name), name, range)

    /** A whole number that fits 32 bits. */
    fun integer(name: String, range: IntRange): Int =
        integer(name, range.first.toLong()..range.last.toLong()).toInt()

    /** A finite number. */
    fun real(name: String): Double = realOf(member(name), name)

    /** The members of an inner object. */
    fun fields(name: String): JsonFields = JsonFields(member(name), "$where: $name", reason)

    /** At most [most] inner objects. */
    fun fieldsList(name: String, most: Int): List<JsonFields> =
        list(name, most) { item, path ->
            JsonFields(item, "$where: $path", reason)
        }

    /** At most [most] strings of at most [length] characters. */
    fun texts(name: String, most: Int, length: Int): List<String> =
        list(name, most) { item, path -> textOf(item, path, length) }

    /** At most [most] whole numbers. */
    fun integers(name: String, most: Int, range: LongRange): List<Long> =
        list(name, most) { item, path -> integerOf(item, path, range) }

    /** At most [most] finite numbers. */
    fun reals(name: String, most: Int): List<Double> =
        list(name, most) { item, path -> realOf(item, path) }

    /** Throw [Problem] that names the member. */
    fun fail(name: String, what: String): Nothing = throw Problem(reason, "$where: $name $what")

    private fun member(name: String): JsonValue = members[name] ?: fail(name, "is missing")

    private fun <T> list(name: String, most: Int, item: (JsonValue, String) -> T): List<T> {
        val items = (member(name) as? JsonArray ?: fail(name, "is no list")).items
        if (items.size > most) fail(name, "holds ${items.size} items, and at most $most may be")
        return items.mapIndexed { index, value -> item(value, "$name[$index]") }
    }

    private fun textOf(value: JsonValue, path: String, most: Int): String {
        val text = (value as? JsonText ?: fail(path, "is no text")).value
        return if (text.length <= most) text else fail(path, "is longer than $most characters")
    }

    private fun realOf(value: JsonValue, path: String): Double =
        when (value) {
            is JsonReal -> value.value
            is JsonInteger -> value.value.toDouble()
            else -> fail(path, "is no number")
        }

    private fun integerOf(value: JsonValue, path: String, range: LongRange): Long {
        val number =
            when (value) {
                is JsonInteger -> value.value
                is JsonReal -> value.value.toLong().takeIf { it.toDouble() == value.value }
                else -> null
            }
        if (number == null || number !in range) {
            fail(path, "is no whole number from ${range.first} to ${range.last}")
        }
        return number
    }
}
