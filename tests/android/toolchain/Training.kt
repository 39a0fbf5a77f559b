package training

import java.io.File

/** Something of everything, so that the compiler loads the classes that it mostly needs. */
sealed interface Shape {
    val area: Double
}

data class Square(val side: Double) : Shape {
    override val area: Double get() = side * side
}

class Circle(private val radius: Double) : Shape {
    override val area: Double by lazy { Math.PI * radius * radius }
}

enum class Size(val most: Double) {
    SMALL(1.0),
    LARGE(Double.MAX_VALUE),
    ;

    companion object {
        fun of(shape: Shape): Size? = entries.firstOrNull { shape.area <= it.most }
    }
}

fun describe(shape: Shape): String =
    when (shape) {
        is Square -> "square of ${shape.side}"
        is Circle -> "circle of %.1f".format(shape.area)
    }

fun main(arguments: Array<String>) {
    val shapes = arguments.indices.map { Square(it.toDouble()) } + Circle(2.0)
    val named: Map<Size?, List<Shape>> = shapes.groupBy(Size::of)
    for ((size, members) in named) println("$size: ${members.joinToString(transform = ::describe)}")
    val total = shapes.sumOf { it.area }
    val thread = Thread { File("out").writeText("$total") }
    try {
        thread.start()
    } catch (error: IllegalStateException) {
        error(error.message ?: "unknown")
    } finally {
        thread.join()
    }
}
