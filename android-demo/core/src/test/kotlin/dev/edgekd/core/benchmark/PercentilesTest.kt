package dev.edgekd.core.benchmark

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull

class PercentilesTest {
    @Test
    fun `between the two nearest samples`() {
        assertEquals(7.0, Percentiles.of(doubleArrayOf(7.0)).p50)
        assertEquals(2.5, Percentiles.of(doubleArrayOf(4.0, 1.0, 3.0, 2.0)).p50)
        val thousand = Percentiles.of(DoubleArray(1000) { 999.0 - it })
        assertEquals(499.5, thousand.p50)
        assertEquals(899.1, assertNotNull(thousand.p90), 1e-9)
        assertEquals(989.01, assertNotNull(thousand.p99), 1e-9)
    }

    @Test
    fun `only with samples enough`() {
        assertNull(Percentiles.of(DoubleArray(99)).p90)
        assertNotNull(Percentiles.of(DoubleArray(100)).p90)
        assertNull(Percentiles.of(DoubleArray(999)).p99)
        assertNotNull(Percentiles.of(DoubleArray(1000)).p99)
    }

    @Test
    fun `the samples keep their order`() {
        val samples = doubleArrayOf(3.0, 1.0, 2.0)
        Percentiles.of(samples)
        assertEquals(listOf(3.0, 1.0, 2.0), samples.toList())
    }
}
