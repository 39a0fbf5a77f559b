package dev.edgekd.core.preprocessing.tokenizer

import dev.edgekd.core.json.JsonArray
import dev.edgekd.core.json.JsonBoolean
import dev.edgekd.core.json.JsonInteger
import dev.edgekd.core.json.JsonNull
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.json.JsonValue
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/**
 * An object of a tokenizer file; [where] is its path.
 *
 * Every function throws [Problem] (`model`) with a line that says where. A member that is null is
 * like one that is not there.
 */
internal class Component private constructor(
    private val members: Map<String, JsonValue>,
    private val where: String,
) {
    /** The component's class in `tokenizers`. */
    val type: String get() = text("type")

    /** All members. */
    val names: Set<String> get() = members.keys

    /** An inner object; null where it is missing. */
    fun part(name: String): Component? = value(name)?.let { of(it, "$where: $name") }

    /** At most [most] inner objects; none where the list is missing. */
    fun parts(name: String, most: Int): List<Component> =
        items(name, most).mapIndexed { index, item ->
            of(item, "$where: $name[$index]")
        }

    /** A list of at most [most] values; empty where it is missing. */
    fun items(name: String, most: Int): List<JsonValue> {
        val found = value(name) ?: return emptyList()
        val items = (found as? JsonArray)?.items ?: fail("$name is no list")
        return if (items.size <= most) items else fail("$name holds more than $most items")
    }

    fun text(name: String): String = textOrNull(name) ?: fail("$name is missing")

    fun textOrNull(name: String): String? =
        value(name)?.let { (it as? JsonText)?.value ?: fail("$name is no text") }

    /** False where it is missing. */
    fun flag(name: String): Boolean = flagOrNull(name) ?: false

    fun flagOrNull(name: String): Boolean? =
        value(name)?.let { (it as? JsonBoolean)?.value ?: fail("$name is neither true nor false") }

    /** A token's number. */
    fun id(name: String): Int = idOf(value(name), name)

    fun idOf(value: JsonValue?, name: String): Int {
        val number = (value as? JsonInteger)?.value
        if (number == null || number !in 0..Int.MAX_VALUE) fail("$name is no id of a token")
        return number.toInt()
    }

    fun unsupported(): Nothing = fail("$type is not supported by this app")

    fun fail(what: String): Nothing = throw Problem(Reason.MODEL, "$where: $what")

    private fun value(name: String): JsonValue? = members[name].takeIf { it != JsonNull }

    companion object {
        fun of(value: JsonValue, where: String): Component =
            Component(
                (value as? JsonObject)?.members
                    ?: throw Problem(Reason.MODEL, "$where: is no JSON object"),
                where,
            )
    }
}
