package dev.edgekd.demo.engines

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

private const val MOST_CHARACTERS = 300

// How the runtimes' own exceptions say that there was not enough memory.
private val OUT_OF_MEMORY = Regex("alloc(ate|ation)\\b.*\\b(fail|memory)|fail.*\\balloc|bad_alloc")

/**
 * Give what [action] gives. Whatever a runtime throws, errors of linking and of memory included,
 * becomes a [Problem] that begins with [what], of [reason] where it does not tell another one.
 */
internal inline fun <T> guarded(reason: Reason, what: String, action: () -> T): T =
    try {
        action()
    } catch (problem: Problem) {
        throw problem
    } catch (failure: Throwable) {
        throw problemOf(failure, reason, what)
    }

/** What a runtime tells of itself; null where it fails to, also because it is not there. */
internal inline fun versionOf(tell: () -> String): String? =
    try {
        tell()
    } catch (_: LinkageError) {
        null
    } catch (_: Exception) {
        null
    }

/** See [guarded]. */
internal fun problemOf(failure: Throwable, reason: Reason, what: String): Problem {
    val told =
        failure.message
            .orEmpty()
            .lineSequence()
            .firstOrNull { it.isNotBlank() }
    val message = "$what: ${told?.trim() ?: failure.javaClass.simpleName}".take(MOST_CHARACTERS)
    return when {
        failure is OutOfMemoryError -> {
            Problem(Reason.MEMORY, message, failure)
        }

        failure is LinkageError -> {
            Problem(Reason.ENGINE, message, failure)
        }

        told != null && OUT_OF_MEMORY.containsMatchIn(told.lowercase()) -> {
            Problem(Reason.MEMORY, message, failure)
        }

        else -> {
            Problem(reason, message, failure)
        }
    }
}
