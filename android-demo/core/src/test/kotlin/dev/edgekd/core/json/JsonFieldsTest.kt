package dev.edgekd.core.json

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class JsonFieldsTest {
    private val fields =
        JsonFields(
            Json.parse(
                """{"text": "abc", "whole": 40.0, "part": 40.5, "big": 1e300, "none": null,
                "list": [1, 2, 3], "words": ["a", "b"], "inner": {"x": 1}, "rows": [{"y": 2}]}""",
            ),
            "a.json",
            Reason.INPUTS,
        )

    @Test
    fun givesWhatIsThere() {
        assertEquals("abc", fields.text("text", 3))
        assertEquals(40, fields.integer("whole", 0..40))
        assertEquals(40.5, fields.real("part"))
        assertEquals(1.0, fields.fields("inner").real("x"))
        assertEquals(listOf(1L, 2L, 3L), fields.integers("list", 3, 1L..3L))
        assertEquals(listOf("a", "b"), fields.texts("words", 2, 1))
        assertEquals(listOf(2L), fields.fieldsList("rows", 1).map { it.integer("y", 0L..9L) })
        assertTrue(fields.has("text"))
        assertFalse(fields.has("none") || fields.has("other"))
    }

    @Test
    fun saysWhereAndWhatIsWrong() {
        val wrong =
            mapOf<String, () -> Any>(
                "a.json: other is missing" to { fields.text("other") },
                "a.json: none is no text" to { fields.text("none") },
                "a.json: text is longer than 2 characters" to { fields.text("text", 2) },
                "a.json: text is no number" to { fields.real("text") },
                "a.json: part is no whole number from 0 to 99" to { fields.integer("part", 0..99) },
                "a.json: big is no whole number from 0 to 9" to { fields.integer("big", 0L..9L) },
                "a.json: whole is no whole number from 0 to 39" to
                    { fields.integer("whole", 0..39) },
                "a.json: text is no list" to { fields.reals("text", 9) },
                "a.json: list holds 3 items, and at most 2 may be" to { fields.reals("list", 2) },
                "a.json: list[0] is no text" to { fields.texts("list", 9, 9) },
                "a.json: words[0] is no number" to { fields.reals("words", 9) },
                "a.json: inner: y is missing" to { fields.fields("inner").real("y") },
                "a.json: rows[0]: x is missing" to { fields.fieldsList("rows", 1)[0].real("x") },
                "a.json: list: is no JSON object" to { fields.fields("list") },
            )
        for ((message, ask) in wrong) {
            val problem = assertFailsWith<Problem>(message) { ask() }
            assertEquals(message, problem.message)
            assertEquals(Reason.INPUTS, problem.reason)
        }
    }
}
