package dev.edgekd.core.benchmark

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.problem.described

/** Do [action]; what a runtime throws of its own is a [Problem] of [reason]. */
internal inline fun <T> blaming(reason: Reason, action: () -> T): T =
    try {
        action()
    } catch (error: RuntimeException) {
        throw Problem(reason, described(error), error)
    }
