package dev.edgekd.core.problem

/** Why something could not be done; the names are those of `result.schema.json`. */
enum class Reason(val label: String) {
    /** What was asked for makes no sense: an unknown engine, no iterations. */
    REQUEST("request"),

    /** The engine is missing, or failed while it ran. */
    ENGINE("engine"),

    /** The model or its bundle cannot be loaded. */
    MODEL("model"),

    /** A file is not the one that its hash names. */
    HASH("hash"),

    /** Wrong shape, dtype or values of an input. */
    INPUTS("inputs"),

    /** There was not enough memory. */
    MEMORY("memory"),

    /** There was not enough room for files, or they cannot be read or written. */
    STORAGE("storage"),
    OTHER("other"),
}

/**
 * The one exception of this project: [message] is one line that a user can read.
 *
 * What comes from files and runtimes may hold anything: it is cut, and brought into one line.
 */
class Problem(val reason: Reason, message: String, cause: Throwable? = null) : Exception(cause) {
    override val message: String = message.take(MOST_CHARACTERS).replace(NOT_SHOWN, " ").trim()

    private companion object {
        const val MOST_CHARACTERS = 500
        val NOT_SHOWN = Regex("[\\s\\p{Cntrl}\\p{Cf}\u2028\u2029]+")
    }
}
