package dev.edgekd.core.problem

import java.io.IOException

/** Whatever was thrown, as what a result can say of it. */
fun problemOf(error: Throwable): Problem {
    if (error is Problem) return error
    val reason =
        when (error) {
            is OutOfMemoryError -> Reason.MEMORY

            is IOException -> Reason.STORAGE

            // A library is missing or of another kind of processor, or the runtime ran into itself.
            is LinkageError, is StackOverflowError -> Reason.ENGINE

            else -> Reason.OTHER
        }
    return Problem(reason, described(error), error)
}

/** The name of what was thrown, and what it says. */
fun described(error: Throwable): String {
    val name = error.javaClass.name.substringAfterLast('.')
    return error.message?.takeIf { it.isNotBlank() }?.let { "$name: $it" } ?: name
}
