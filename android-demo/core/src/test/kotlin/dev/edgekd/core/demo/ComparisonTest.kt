package dev.edgekd.core.demo

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull

class ComparisonTest {
    private val teacher = Measured(370_000, 0.9, "3")
    private val student = Measured(10_000, 0.1, "3")

    @Test
    fun theSmallerIsHeldAgainstTheLarger() {
        val expected = Comparison(Ratio.Less(37.0), Ratio.Less(9.0), sameAnswer = true)

        assertEquals(expected, Comparison.of(teacher, student))
        assertEquals(expected, Comparison.of(student, teacher))
    }

    @Test
    fun aSmallerModelMayBeSlowerAndSayAnotherThing() {
        val slow = Measured(10_000, 1.8, "8")

        assertEquals(
            Comparison(Ratio.Less(37.0), Ratio.More(2.0), sameAnswer = false),
            Comparison.of(teacher, slow),
        )
    }

    @Test
    fun littleDifferencesAreNone() {
        assertEquals(Ratio.Same, Ratio.of(1.0, 1.02))
        assertEquals(Ratio.Same, Ratio.of(1.02, 1.0))
        assertEquals(Ratio.Less(1.1), Ratio.of(1.1, 1.0))
    }

    @Test
    fun nothingIsDividedByZero() {
        assertNull(Comparison.of(teacher, Measured(10_000, 0.0, "3")))
        assertNull(Comparison.of(teacher, Measured(0, 0.1, "3")))
    }

    @Test
    fun factorsAreRoundedAsTheyAreRead() {
        assertEquals(listOf(1.1, 9.6, 37.0), listOf(1.06, 9.58, 37.4).map(::roundedFactor))
    }
}
