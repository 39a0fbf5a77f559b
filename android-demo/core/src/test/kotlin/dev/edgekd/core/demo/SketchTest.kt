package dev.edgekd.core.demo

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class SketchTest {
    private val sketch =
        Sketch().apply {
            begin(0.1f, 0.2f)
            extend(0.3f, 0.4f)
            begin(0.5f, 0.6f)
        }

    @Test
    fun isTheSameAfterItWasKept() {
        val restored = Sketch().apply { restore(sketch.toArray()) }

        assertEquals(sketch.lines, restored.lines)
        assertEquals(listOf(2, 1), restored.lines.map { it.size })
    }

    @Test
    fun numbersThatAreNoSketchAreLeftOut() {
        for (numbers in listOf("9 1 2", "-1", "0 1 1", "NaN", "1 0.5")) {
            val broken = numbers.split(' ').map { it.toFloat() }.toFloatArray()

            sketch.restore(broken)

            assertTrue(sketch.isEmpty, numbers)
        }
    }

    @Test
    fun pointsOutsideAreOnTheEdge() {
        sketch.extend(-3f, 7f)

        assertEquals(Sketch.Point(0f, 1f), sketch.lines.last().last())
    }

    @Test
    fun aFingerThatNeverWentDownDrawsNothing() {
        val empty = Sketch().apply { extend(0.5f, 0.5f) }

        assertTrue(empty.isEmpty)
    }

    @Test
    fun whatItHoldsIsBounded() {
        repeat(30_000) { sketch.extend(0.5f, 0.5f) }
        sketch.begin(0.1f, 0.1f)

        assertEquals(10_000, sketch.lines.sumOf { it.size })
        assertEquals(2, sketch.lines.size)
    }

    @Test
    fun nothingIsLeftAfterClearing() {
        sketch.clear()

        assertTrue(sketch.isEmpty)
        assertEquals(0, sketch.toArray().size)
    }
}
