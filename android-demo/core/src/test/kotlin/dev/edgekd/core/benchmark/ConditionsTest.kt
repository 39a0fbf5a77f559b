package dev.edgekd.core.benchmark

import kotlin.test.Test
import kotlin.test.assertEquals

class ConditionsTest {
    private val fresh = Condition(0, 0.3, 80, 25.5, foreground = true)
    private val worn = Condition(3, 1.1, 12, 41.0, foreground = false)

    @Test
    fun `the worse of both is kept`() {
        assertEquals(worn, worse(fresh, worn))
        assertEquals(worn, worse(worn, fresh))
        val mixed = worse(fresh, Condition(thermalStatus = 2, batteryCelsius = 20.0))
        assertEquals(Condition(2, 0.3, 80, 25.5, foreground = true), mixed)
    }

    @Test
    fun `what neither tells stays unknown`() {
        assertEquals(fresh, worse(fresh, Condition()))
        assertEquals(worn, worse(Condition(), worn))
        assertEquals(Condition(), worse(Condition(), Condition()))
    }
}
