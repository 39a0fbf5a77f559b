package dev.edgekd.core.json

/** A value of RFC 8259. */
sealed interface JsonValue

/** `null`. */
data object JsonNull : JsonValue

/** `true` or `false`. */
data class JsonBoolean(val value: Boolean) : JsonValue

/** A number without fraction and exponent that fits 64 bits. */
data class JsonInteger(val value: Long) : JsonValue

/** Any other number; finite where it was read. */
data class JsonReal(val value: Double) : JsonValue

/** A string. */
data class JsonText(val value: String) : JsonValue

/** An array. */
data class JsonArray(val items: List<JsonValue>) : JsonValue

/** An object; its members keep their order. */
data class JsonObject(val members: Map<String, JsonValue>) : JsonValue
