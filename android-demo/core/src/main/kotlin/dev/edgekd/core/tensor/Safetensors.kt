package dev.edgekd.core.tensor

import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonFields
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File
import java.io.FileInputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

/** What a safetensors file holds; [metadata] is its `__metadata__`. */
class TensorFile(val tensors: Map<String, Tensor>, val metadata: Map<String, String>)

/**
 * Files of the safetensors format: the header's length in 8 bytes little-endian, the header as
 * JSON, then the values. Every byte of these belongs to exactly one tensor.
 */
object Safetensors {
    private const val LENGTH_BYTES = 8
    private const val MOST_HEADER_BYTES = 1L shl 20
    private const val MOST_DIMENSIONS = 16
    private const val METADATA = "__metadata__"
    private const val MOST_DIMENSION = Int.MAX_VALUE.toLong()

    /** The tensors of [load]. */
    fun read(file: File, mostBytes: Long): Map<String, Tensor> = load(file, mostBytes).tensors

    /**
     * Read a whole file into memory of its own, so that nothing changes it later.
     *
     * Throws [Problem]: it is larger than [mostBytes] or no safetensors file (`inputs`), cannot be
     * read (`storage`), or does not fit memory (`memory`).
     */
    fun load(file: File, mostBytes: Long): TensorFile =
        try {
            FileInputStream(file).channel.use { channel ->
                Reading(file.name, channel, mostBytes).load()
            }
        } catch (error: IOException) {
            throw Problem(Reason.STORAGE, "${file.name} cannot be read: ${error.message}", error)
        } catch (error: OutOfMemoryError) {
            throw Problem(Reason.MEMORY, "${file.name} does not fit the memory", error)
        }

    private class Reading(
        private val name: String,
        private val channel: FileChannel,
        mostBytes: Long,
    ) {
        private val size = channel.size()

        init {
            if (size > mostBytes) fail("holds $size bytes, and at most $mostBytes may be")
            if (size < LENGTH_BYTES) fail("is cut off")
        }

        fun load(): TensorFile {
            val length = bytes(0, LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN).getLong(0)
            if (length !in 2..minOf(MOST_HEADER_BYTES, size - LENGTH_BYTES)) {
                fail("has a header of $length bytes: it is cut off, or no safetensors file")
            }
            val header = header(length.toInt())
            val entries =
                header.members
                    .filterKeys { it != METADATA }
                    .map { (key, value) ->
                        entry(key, JsonFields(value, "$name: $key", Reason.INPUTS))
                    }
            val start = LENGTH_BYTES + length
            checkCovered(entries, size - start)
            return TensorFile(entries.associate { it.name to tensor(it, start) }, metadata(header))
        }

        private fun header(length: Int): JsonObject {
            val content = ByteArray(length)
            bytes(LENGTH_BYTES.toLong(), length).get(content)
            return try {
                Json.parse(content, Reason.INPUTS) as? JsonObject
            } catch (problem: Problem) {
                throw Problem(problem.reason, "$name: ${problem.message}", problem)
            } ?: fail("has a header that is no JSON object")
        }

        private fun metadata(header: JsonObject): Map<String, String> {
            val found = header.members[METADATA] ?: return emptyMap()
            val members = (found as? JsonObject)?.members ?: fail("has metadata that is no object")
            return members.mapValues { (key, value) ->
                (value as? JsonText)?.value ?: fail("has metadata $key that is no text")
            }
        }

        private fun entry(key: String, fields: JsonFields): Entry {
            val label = fields.text("dtype")
            val dtype =
                DType.entries.find { it.safetensors == label }
                    ?: fields.fail("dtype", "is $label, which this app does not read")
            val shape =
                fields
                    .integers("shape", MOST_DIMENSIONS, 0..MOST_DIMENSION)
                    .map { it.toInt() }
            val offsets = fields.integers("data_offsets", 2, 0..size)
            if (offsets.size != 2) fields.fail("data_offsets", "are not two")
            val (begin, end) = offsets
            if (end - begin != Tensor.byteSize(dtype, shape)) {
                fields.fail("data_offsets", "$begin to $end do not fit ${dtype.label} $shape")
            }
            return Entry(key, dtype, shape, begin, end)
        }

        /** No gap, no overlap, nothing outside the file. */
        private fun checkCovered(entries: List<Entry>, dataBytes: Long) {
            var covered = 0L
            for (entry in entries.sortedWith(compareBy({ it.begin }, { it.end }))) {
                if (entry.begin != covered) fail("has a gap or an overlap before ${entry.name}")
                covered = entry.end
            }
            if (covered != dataBytes) fail("holds $dataBytes bytes of values, not $covered")
        }

        private fun tensor(entry: Entry, start: Long): Tensor {
            val length = (entry.end - entry.begin).toInt()
            return Tensor(entry.dtype, entry.shape, bytes(start + entry.begin, length))
        }

        private fun bytes(offset: Long, length: Int): ByteBuffer {
            val buffer = ByteBuffer.allocateDirect(length)
            val rest = buffer.duplicate()
            while (rest.hasRemaining()) {
                if (channel.read(rest, offset + rest.position()) < 0) fail("is cut off")
            }
            return buffer
        }

        private fun fail(what: String): Nothing = throw Problem(Reason.INPUTS, "$name $what")
    }

    private class Entry(
        val name: String,
        val dtype: DType,
        val shape: List<Int>,
        val begin: Long,
        val end: Long,
    )
}
