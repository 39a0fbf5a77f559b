package dev.edgekd.core.json

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.util.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class JsonTest {
    @Test
    fun readsEveryKindOfValue() {
        val text =
            """ {"a": [1, -2.5, 1e3, true, false, null],
                 "b": {"c": "x\n\u00e9\ud83d\ude00"}} """
        val expected =
            JsonObject(
                mapOf(
                    "a" to
                        JsonArray(
                            listOf(
                                JsonInteger(1),
                                JsonReal(-2.5),
                                JsonReal(1000.0),
                                JsonBoolean(true),
                                JsonBoolean(false),
                                JsonNull,
                            ),
                        ),
                    "b" to JsonObject(mapOf("c" to JsonText("x\n\u00e9\uD83D\uDE00"))),
                ),
            )
        assertEquals(expected, Json.parse(text))
        assertEquals(expected, Json.parse(text.toByteArray()))
    }

    @Test
    fun numbersKeepTheirKindAndSign() {
        assertEquals(JsonInteger(Long.MAX_VALUE), Json.parse("9223372036854775807"))
        assertEquals(JsonReal(9.223372036854775808e18), Json.parse("9223372036854775808"))
        assertEquals(JsonReal(-0.0), Json.parse("-0"))
        assertEquals(JsonReal(Double.MIN_VALUE), Json.parse("5e-324"))
        assertEquals(JsonReal(0.0), Json.parse("1e-9999"))
    }

    @Test
    fun refusesWhatTheStandardDoesNotHold() {
        for (text in REFUSED) {
            val problem = assertFailsWith<Problem>(text) { Json.parse(text, Reason.INPUTS) }
            assertEquals(Reason.INPUTS, problem.reason)
            assertTrue("character" in problem.message, problem.message)
        }
    }

    @Test
    fun refusesBytesThatAreNotUtf8() {
        val quote = '"'.code.toByte()
        for (bytes in listOf(byteArrayOf(-64, -81), byteArrayOf(-1), byteArrayOf(-19, -96, -128))) {
            assertFailsWith<Problem> { Json.parse(byteArrayOf(quote) + bytes + quote) }
        }
    }

    @Test
    fun nestsToItsBoundAndNoDeeper() {
        fun nested(depth: Int) = "[".repeat(depth) + "]".repeat(depth)
        assertEquals(nested(Json.MOST_DEPTH), Json.write(Json.parse(nested(Json.MOST_DEPTH))))
        for (depth in listOf(Json.MOST_DEPTH + 1, 1_000_000)) {
            val problem = assertFailsWith<Problem> { Json.parse(nested(depth)) }
            assertTrue("too deep" in problem.message)
        }
        assertFailsWith<Problem> { Json.parse("[".repeat(1_000_000)) }
    }

    @Test
    fun writesInOneLine() {
        val text = "\"\\/\n\t\u0001\u007f\u2028" + '\uD800' + "x" + '\uDE00'
        val value = JsonObject(mapOf("k\"" to JsonArray(listOf(JsonText(text), JsonReal(1e-7)))))
        val written = "\\\"\\\\/\\n\\u0009\\u0001\u007f\u2028\uFFFDx\uFFFD"
        val expected = "{\"k\\\"\":[\"$written\",1.0E-7]}"
        assertEquals(expected, Json.write(value))
    }

    @Test
    fun writesNoNumberThatJsonLacks() {
        for (number in listOf(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY)) {
            assertFailsWith<Problem> { Json.write(JsonArray(listOf(JsonReal(number)))) }
        }
    }

    @Test
    fun whatIsWrittenReadsBackTheSame() {
        val random = Random(1)
        repeat(2_000) {
            val value = RandomJson(random).value(6)
            assertEquals(value, Json.parse(Json.write(value)))
        }
    }

    @Test
    fun damagedTextIsReadOrRefusedButNeverMore() {
        val random = Random(2)
        var refused = 0
        repeat(4_000) {
            val text = StringBuilder(Json.write(RandomJson(random).value(4)))
            repeat(1 + random.nextInt(3)) {
                val damage = DAMAGE[random.nextInt(DAMAGE.length)]
                text.setCharAt(random.nextInt(text.length), damage)
            }
            try {
                val value = Json.parse(text.toString())
                assertEquals(value, Json.parse(Json.write(value)))
            } catch (problem: Problem) {
                refused++
            }
        }
        assertTrue(refused in 1_000..3_900, "$refused of 4000 were refused")
    }

    private companion object {
        const val DAMAGE = "[]{},:\"\\0-+.eEtfnu \n\u0000"
        val REFUSED =
            listOf(
                *arrayOf(
                    "",
                    " ",
                    "{",
                    "}",
                    "[",
                    "]",
                    "[1",
                    "[1,",
                    "[1,]",
                    "[,1]",
                    "[1 2]",
                    "1 2",
                    "nul",
                ),
                *arrayOf(
                    "True",
                    "NaN",
                    "Infinity",
                    "-Infinity",
                    "[NaN]",
                    "-",
                    "+1",
                    "01",
                    "-01",
                    "1.",
                ),
                *arrayOf(
                    ".5",
                    "1e",
                    "1e+",
                    "0x10",
                    "1e400",
                    "-1e400",
                    "1_000",
                    "\u0661",
                    "1f",
                    "'a'",
                ),
                *arrayOf(
                    "{\"a\"}",
                    "{\"a\":}",
                    "{a:1}",
                    "{1:1}",
                    "{\"a\":1,}",
                    "{\"a\":1 \"b\":2}",
                ),
                *arrayOf("{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"\":1,\"\":1}"),
                *arrayOf("\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u+123\""),
                *arrayOf("\"\n\"", "\"\t\"", "\"\u0000\"", "\"\\ud800\"", "\"\\ude00\\ud800\""),
                *arrayOf("\uFEFF1", "\u00A01", "// a\n1", "[1] x", "[1]]", "\"a\"b"),
            )
    }
}

/** Values of every kind, with characters and numbers at the edges. */
private class RandomJson(private val random: Random) {
    fun value(depth: Int): JsonValue =
        when (random.nextInt(if (depth > 0) 8 else 6)) {
            0 -> JsonNull
            1 -> JsonBoolean(random.nextBoolean())
            2 -> JsonInteger(random.nextLong() shr random.nextInt(64))
            3 -> JsonReal(finite())
            4, 5 -> JsonText(text())
            6 -> JsonArray(List(random.nextInt(4)) { value(depth - 1) })
            else -> JsonObject(List(random.nextInt(4)) { text() to value(depth - 1) }.toMap())
        }

    private tailrec fun finite(): Double {
        val number = Double.fromBits(random.nextLong())
        return if (number.isNaN() || number.isInfinite()) finite() else number
    }

    private fun text(): String =
        buildString {
            repeat(random.nextInt(5)) {
                when (random.nextInt(4)) {
                    0 -> append(random.nextInt(0x80).toChar())
                    1 -> append("\"\\/\b\n"[random.nextInt(5)])
                    2 -> append(random.nextInt(0xD800).toChar())
                    else -> appendCodePoint(0x10000 + random.nextInt(0x100000))
                }
            }
        }
}
