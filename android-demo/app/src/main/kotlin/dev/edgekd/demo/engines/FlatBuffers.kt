package dev.edgekd.demo.engines

import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val OFFSET_BYTES = 4
private const val LENGTHS_BYTES = 4
private const val SLOT_BYTES = 2
private const val MOST_DEPTH = 32

/** What a field of a FlatBuffers table holds; it takes [bytes] in its table. */
internal sealed class Field(val bytes: Int) {
    class Number(bytes: Int) : Field(bytes)

    /** Numbers of [each] bytes. */
    class Numbers(val each: Int) : Field(OFFSET_BYTES)

    /** A string with its closing zero. */
    data object Text : Field(OFFSET_BYTES)

    class One(val table: Table) : Field(OFFSET_BYTES)

    class Many(val table: Table) : Field(OFFSET_BYTES)

    /** One of [tables], which the field before numbers from 1. */
    class Union(val tables: List<Table>) : Field(OFFSET_BYTES)
}

/**
 * The [fields] of a table in the order of their schema; those numbered in [required] must be there.
 *
 * [isSound] is asked where all fields are: it may read numbers of 8 bytes, 0 where they are not.
 */
internal class Table(
    val fields: List<Field>,
    val required: Set<Int> = emptySet(),
    val isSound: (read: (Int) -> Long) -> Boolean = { true },
)

/**
 * The first [size] of [bytes] as a FlatBuffers file of unknown origin: it is followed offset by
 * offset, each once it is known to lie inside. Format: https://flatbuffers.dev/internals
 */
internal class FlatBuffers(bytes: ByteBuffer, private val size: Long) {
    private val bytes: ByteBuffer = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)

    // What names a table takes 4 bytes: no honest file needs as many steps.
    private var steps = size

    /** Whether all that [root] names is there and inside of the file. */
    fun areSound(root: Table): Boolean = target(0)?.let { isSound(it, root, 0) } ?: false

    private fun isSound(at: Long, schema: Table, depth: Int): Boolean {
        if (depth > MOST_DEPTH || --steps < 0) return false
        val places = places(at, schema) ?: return false
        val sound =
            schema.fields.indices.all { index ->
                val place = places[index]
                val kind = if (index > 0) kind(places[index - 1]) else 0
                if (place == 0L) {
                    index !in schema.required
                } else {
                    isSound(schema.fields[index], place, kind, depth)
                }
            }
        return sound && schema.isSound { if (places[it] == 0L) 0 else long(places[it]) }
    }

    /** Of each field, 0 where it is left out; null: the table or a field lies outside. */
    private fun places(at: Long, schema: Table): LongArray? {
        if (!fits(at, OFFSET_BYTES)) return null
        val slots = at - int(at)
        if (!fits(slots, LENGTHS_BYTES)) return null
        val slotsLength = short(slots)
        if (!fits(slots, slotsLength)) return null
        val places =
            LongArray(schema.fields.size) { index ->
                val slot = LENGTHS_BYTES + SLOT_BYTES * index
                val place = if (slot + SLOT_BYTES <= slotsLength) short(slots + slot) else 0
                if (place == 0) 0 else at + place
            }
        // Not inside the table's own length: some exporters write a length that is too short.
        val inside = places.indices.all { fits(places[it], schema.fields[it].bytes) }
        return if (inside) places else null
    }

    private fun isSound(field: Field, place: Long, kind: Int, depth: Int): Boolean {
        if (field is Field.Number) return true
        val target = target(place) ?: return false
        return when (field) {
            is Field.Number -> true
            is Field.Numbers -> vector(target, field.each) != null
            is Field.Text -> vector(target, 1)?.let { isText(target, it) } ?: false
            is Field.One -> isSound(target, field.table, depth + 1)
            is Field.Many -> areSound(target, field.table, depth)
            is Field.Union -> field.tables.getOrNull(kind - 1).isSound(target, depth)
        }
    }

    private fun Table?.isSound(at: Long, depth: Int): Boolean =
        this != null && isSound(at, this, depth + 1)

    private fun areSound(at: Long, table: Table, depth: Int): Boolean {
        val count = vector(at, OFFSET_BYTES) ?: return false
        return (0 until count).all { index ->
            val element = target(at + OFFSET_BYTES + OFFSET_BYTES * index)
            element != null && isSound(element, table, depth + 1)
        }
    }

    /** The length of a vector that lies inside. */
    private fun vector(at: Long, each: Int): Long? {
        if (!fits(at, OFFSET_BYTES)) return null
        val count = int(at).toLong() and UNSIGNED
        return if (at + OFFSET_BYTES + count * each <= size) count else null
    }

    private fun isText(at: Long, length: Long): Boolean {
        val end = at + OFFSET_BYTES + length
        return fits(end, 1) && bytes.get(end.toInt()).toInt() == 0
    }

    /** What the offset at this place leads to; null: there is none. */
    private fun target(place: Long): Long? =
        if (fits(place, OFFSET_BYTES)) place + (int(place).toLong() and UNSIGNED) else null

    private fun kind(place: Long): Int = if (place == 0L) 0 else bytes.get(place.toInt()).toInt()

    private fun fits(at: Long, length: Int): Boolean = at >= 0 && at + length <= size

    private fun short(at: Long): Int = bytes.getShort(at.toInt()).toInt() and SHORT

    private fun int(at: Long): Int = bytes.getInt(at.toInt())

    private fun long(at: Long): Long = bytes.getLong(at.toInt())

    private companion object {
        const val UNSIGNED = 0xFFFFFFFFL
        const val SHORT = 0xFFFF
    }
}
