package dev.edgekd.core.demo

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull

class RunningMedianTest {
    @Test
    fun isThatOfTheLastValues() {
        val times = RunningMedian(window = 3)
        assertNull(times.median)

        val medians =
            listOf(9.0, 1.0, 2.0, 3.0, 4.0).map { value ->
                times.add(value)
                times.median
            }

        assertEquals(listOf<Double?>(9.0, 5.0, 2.0, 2.0, 3.0), medians)
        assertEquals(3, times.count)
    }

    @Test
    fun aWindowHoldsSomething() {
        assertFailsWith<IllegalArgumentException> { RunningMedian(window = 0) }
    }
}
