package dev.edgekd.core.benchmark

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.problem.described

/** Do [action]; an exception of a runtime's own is a [Problem] of [reason]. */
internal inline fun <T> blaming(reason: Reason, action: () -> T): T =
    try {
        action()
    } catch (problem: Problem) {
        throw problem
    } catch (error: Exception) {
        throw Problem(reason, described(error), error)
    }
