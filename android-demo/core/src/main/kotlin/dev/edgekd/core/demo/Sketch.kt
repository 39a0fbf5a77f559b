package dev.edgekd.core.demo

/**
 * Strokes of a finger on a square; all points are between 0 and 1, across and down.
 *
 * What it holds is bounded: a finger that never leaves the screen adds no more points in the end.
 */
class Sketch {
    private val strokes = mutableListOf<MutableList<Point>>()
    private var points = 0

    /** A place on the square. */
    data class Point(val x: Float, val y: Float)

    val isEmpty: Boolean
        get() = strokes.isEmpty()

    /** Each stroke from its first point to its last. */
    val lines: List<List<Point>>
        get() = strokes

    /** The finger goes down: a new stroke. */
    fun begin(x: Float, y: Float) {
        if (points >= MOST_POINTS) return
        strokes.add(mutableListOf())
        extend(x, y)
    }

    /** The finger moves; nothing where it never went down. */
    fun extend(x: Float, y: Float) {
        if (points >= MOST_POINTS) return
        val stroke = strokes.lastOrNull() ?: return
        stroke.add(Point(x.coerceIn(0f, 1f), y.coerceIn(0f, 1f)))
        points += 1
    }

    fun clear() {
        strokes.clear()
        points = 0
    }

    /** All of it as numbers: for each stroke how many points, then x and y of each. */
    fun toArray(): FloatArray {
        val numbers = ArrayList<Float>(strokes.size + 2 * points)
        for (stroke in strokes) {
            numbers.add(stroke.size.toFloat())
            stroke.forEach {
                numbers.add(it.x)
                numbers.add(it.y)
            }
        }
        return numbers.toFloatArray()
    }

    /** Take up what [toArray] gave; what does not fit that form is left out. */
    fun restore(numbers: FloatArray) {
        clear()
        var at = 0
        while (at < numbers.size) {
            val length = numbers[at].toInt()
            if (length < 1 || length > (numbers.size - at - 1) / 2) return
            begin(numbers[at + 1], numbers[at + 2])
            for (index in 1 until length) {
                extend(numbers[at + 1 + 2 * index], numbers[at + 2 + 2 * index])
            }
            at += 1 + 2 * length
        }
    }

    private companion object {
        const val MOST_POINTS = 10_000
    }
}
