package dev.edgekd.core.demo

import dev.edgekd.core.bundle.Task
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class BundleChoiceTest {
    private val teacher = BundleChoice().toggle("teacher", Task.IMAGE)
    private val both = teacher.toggle("student", Task.IMAGE)

    @Test
    fun oneOrTwoAreChosen() {
        assertFalse(BundleChoice().isReady)
        assertTrue(teacher.isReady)
        assertEquals(listOf("teacher", "student"), both.keys)
    }

    @Test
    fun aThirdTakesThePlaceOfTheSecond() {
        assertEquals(listOf("teacher", "smaller"), both.toggle("smaller", Task.IMAGE).keys)
    }

    @Test
    fun anotherTaskBeginsAnew() {
        val word = both.toggle("word", Task.SOUND)

        assertEquals(BundleChoice(listOf("word"), Task.SOUND), word)
    }

    @Test
    fun choosingAgainTakesAway() {
        assertEquals(listOf("student"), both.toggle("teacher", Task.IMAGE).keys)
        assertEquals(BundleChoice(), teacher.toggle("teacher", Task.IMAGE))
    }

    @Test
    fun whatIsGoneIsNotChosen() {
        val tasks = mapOf("student" to Task.IMAGE, "other" to Task.TEXT)

        assertEquals(BundleChoice(listOf("student"), Task.IMAGE), both.among(tasks))
        assertEquals(BundleChoice(), both.among(emptyMap()))
    }

    @Test
    fun keysOfAnEarlierScreenGetTheirTask() {
        val kept = BundleChoice(listOf("student", "word"))
        val tasks = mapOf("student" to Task.IMAGE, "word" to Task.SOUND)

        assertEquals(BundleChoice(listOf("student"), Task.IMAGE), kept.among(tasks))
    }
}
