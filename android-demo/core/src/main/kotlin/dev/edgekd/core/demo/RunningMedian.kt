package dev.edgekd.core.demo

/** The median of the last [window] values. */
class RunningMedian(private val window: Int = 31) {
    private val values = ArrayDeque<Double>()

    init {
        require(window > 0) { "a window of $window" }
    }

    /** How many values the median is of. */
    val count: Int
        get() = values.size

    /** Null before the first value. */
    val median: Double?
        get() {
            if (values.isEmpty()) return null
            val sorted = values.sorted()
            val middle = sorted.size / 2
            if (sorted.size % 2 == 1) return sorted[middle]
            return (sorted[middle - 1] + sorted[middle]) / 2
        }

    fun add(value: Double) {
        if (values.size == window) values.removeFirst()
        values.addLast(value)
    }
}
