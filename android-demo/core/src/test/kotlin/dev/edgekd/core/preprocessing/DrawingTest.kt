package dev.edgekd.core.preprocessing

import dev.edgekd.core.problem.Reason
import kotlin.test.Test
import kotlin.test.assertEquals

class DrawingTest {
    private val mnist = ImageShape(1, 28, 28)

    /** Left, top, width and height of what is not black. */
    private fun box(picture: Picture): List<Int> {
        val inked = picture.argb.indices.filter { picture.argb[it] and 0xFF > 0 }
        val columns = inked.map { it % picture.width }
        val rows = inked.map { it / picture.width }
        val (left, top) = columns.min() to rows.min()
        return listOf(left, top, columns.max() - left + 1, rows.max() - top + 1)
    }

    @Test
    fun `a square fills 20 of 28 pixels`() {
        val drawing = grey(280, 280) { x, y -> if (x in 3..62 && y in 200..259) 255 else 0 }
        val fitted = Drawing.fitted(drawing, mnist)
        assertEquals(listOf(5, 5, 20, 20), box(fitted))
        assertEquals(setOf(0xFF000000.toInt(), -1), fitted.argb.toSet())
    }

    @Test
    fun `a stroke keeps its proportions`() {
        val drawing = grey(280, 280) { x, y -> if (x in 100..119 && y in 10..209) 255 else 0 }
        assertEquals(listOf(14, 5, 2, 20), box(Drawing.fitted(drawing, mnist)))
    }

    @Test
    fun `the centre of mass is in the middle`() {
        // A foot to the right: its mass lies left of the box's middle.
        val drawing =
            grey(280, 280) { x, y ->
                val stem = x in 40..79 && y in 40..239
                if (stem || (x in 80..239 && y in 160..239)) 255 else 0
            }
        assertEquals(listOf(6, 1, 20, 20), box(Drawing.fitted(drawing, mnist)))
    }

    @Test
    fun `nothing leaves the frame`() {
        // All mass at one end: centred by mass, the rest would lie outside.
        val drawing =
            grey(280, 280) { x, y -> if (x == 140 || (y in 270..279 && x in 0..279)) 255 else 0 }
        assertEquals(20, box(Drawing.fitted(drawing, mnist))[3])
    }

    @Test
    fun `a small frame is filled`() {
        val drawing = grey(100, 100) { x, y -> if (x in 20..69 && y in 5..94) 255 else 0 }
        assertEquals(listOf(2, 0, 4, 8), box(Drawing.fitted(drawing, ImageShape(1, 8, 8))))
    }

    @Test
    fun `a point becomes a blot`() {
        val drawing = grey(50, 50) { x, y -> if (x == 7 && y == 9) 255 else 0 }
        assertEquals(listOf(5, 5, 20, 20), box(Drawing.fitted(drawing, mnist)))
    }

    @Test
    fun `an empty drawing is refused`() {
        assertProblem(Reason.INPUTS, "nothing is drawn") {
            Drawing.fitted(grey(28, 28) { _, _ -> 5 }, mnist)
        }
    }
}
