package dev.edgekd.demo.engines

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.demo.engines.Field.Many
import dev.edgekd.demo.engines.Field.Number
import dev.edgekd.demo.engines.Field.Numbers
import dev.edgekd.demo.engines.Field.One
import dev.edgekd.demo.engines.Field.Text
import dev.edgekd.demo.engines.Field.Union
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

// executorch/schema/extended_header.h: magic, length, program's size, segments' start and size.
private const val HEADER_AT = 8
private const val HEADER_BYTES = 32
private const val HEADER_MAGIC = "eh00"

// Between the program and its segments, which start at a multiple of a power of two.
private const val MOST_PADDING = 1L shl 16

/**
 * Check that a file is a whole ExecuTorch program.
 *
 * The runtime itself believes a program: one that is cut short or damaged would end the process.
 * What remains unchecked is what the numbers of a program mean, and what was handed to a delegate;
 * there a changed byte can still end the process, so compare the hash of the file before.
 *
 * Throws [Problem] (`model`, or `storage` where it cannot be read).
 */
internal fun checkExecutorch(model: File) {
    val bytes = mapped(model).order(ByteOrder.LITTLE_ENDIAN)
    val size = bytes.capacity().toLong()
    if (identifier(bytes) != "ET12") {
        throw Problem(Reason.MODEL, "${model.name} is no ExecuTorch program")
    }
    val headed = size >= HEADER_AT + HEADER_BYTES && letters(bytes, HEADER_AT) == HEADER_MAGIC
    val sound =
        if (headed) {
            isSoundWithSegments(bytes, size)
        } else {
            FlatBuffers(bytes, size).areSound(programSchema(0))
        }
    if (!sound) throw Problem(Reason.MODEL, "${model.name} is a damaged or cut ExecuTorch program")
}

private fun isSoundWithSegments(bytes: ByteBuffer, size: Long): Boolean {
    val program = bytes.getLong(HEADER_AT + 8)
    val segments = bytes.getLong(HEADER_AT + 16)
    val held = bytes.getLong(HEADER_AT + 24)
    val start = if (segments == 0L) program else segments
    return bytes.getInt(HEADER_AT + 4) == HEADER_BYTES &&
        program in 1..start &&
        start - program < MOST_PADDING &&
        held >= 0 &&
        start + held == size &&
        FlatBuffers(bytes, program).areSound(programSchema(held))
}

/** As far as executorch/schema/program.fbs of version 1.4; [held] is the size of all segments. */
private fun programSchema(held: Long): Table {
    val segment =
        Table(listOf(Number(8), Number(8))) { read ->
            val (offset, size) = listOf(read(0), read(1))
            offset >= 0 && size >= 0 && offset <= held && size <= held - offset
        }
    val subsegments = Table(listOf(Number(4), Numbers(8)), setOf(1))
    val namedData = Table(listOf(Text, Number(4)), setOf(0))
    val inline = Table(listOf(Numbers(1)))
    return Table(
        listOf(
            Number(4),
            Many(planSchema()),
            Many(inline),
            Many(inline),
            Many(segment),
            One(subsegments),
            Many(subsegments),
            Many(namedData),
        ),
        setOf(1),
    )
}

private fun planSchema(): Table {
    val container = Table(listOf(Text, Text))
    val operator = Table(listOf(Text, Text), setOf(0))
    val processed = Table(listOf(Number(1), Number(4)))
    val compileSpec = Table(listOf(Text, Numbers(1)), setOf(0))
    val delegate = Table(listOf(Text, One(processed), Many(compileSpec)), setOf(0, 1))
    val bufferDevice = Table(listOf(Number(4), Number(1), Number(1)))
    return Table(
        listOf(
            Text,
            One(container),
            Many(valueSchema()),
            Numbers(4),
            Numbers(4),
            Many(chainSchema()),
            Many(operator),
            Many(delegate),
            Numbers(8),
            Many(bufferDevice),
        ),
        setOf(0, 2, 3, 4, 5, 6, 7, 8),
    )
}

private fun valueSchema(): Table {
    val nothing = Table(emptyList())
    val number = Table(listOf(Number(8)))
    val boolean = Table(listOf(Number(1)))
    val text = Table(listOf(Text), setOf(0))
    val numbers = Table(listOf(Numbers(8)), setOf(0))
    val booleans = Table(listOf(Numbers(1)), setOf(0))
    val indices = Table(listOf(Numbers(4)), setOf(0))
    val kinds =
        listOf(nothing, number, boolean, number, tensorSchema(), text) +
            listOf(numbers, numbers, booleans, indices, indices)
    return Table(listOf(Number(1), Union(kinds)))
}

private fun tensorSchema(): Table {
    val allocation = Table(listOf(Number(4), Number(4), Number(4)))
    val extra = Table(listOf(Number(8), Text, Number(1), Number(1), Number(1)))
    val numbers = listOf(Number(1), Number(4), Numbers(4), Numbers(1), Number(1), Number(4))
    return Table(
        numbers + listOf(One(allocation), Number(1), Number(1), One(extra)),
        setOf(2, 3),
    )
}

private fun chainSchema(): Table {
    val call = Table(listOf(Number(4), Numbers(4)), setOf(1))
    val two = Table(listOf(Number(4), Number(4)))
    val one = Table(listOf(Number(4)))
    val instruction = Table(listOf(Number(1), Union(listOf(call, call, two, two, one))), setOf(1))
    val frame = Table(listOf(Text, Number(4), Text, Text))
    val frames = Table(listOf(Many(frame)))
    return Table(listOf(Numbers(4), Numbers(4), Many(instruction), Many(frames)), setOf(2))
}
