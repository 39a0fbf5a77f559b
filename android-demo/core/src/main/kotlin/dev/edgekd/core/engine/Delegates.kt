package dev.edgekd.core.engine

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/**
 * The delegate that [options] ask this engine for; null where it has no choice.
 *
 * Throws [Problem] (`request`): there is no such delegate, or no such number of threads.
 */
fun Engine.delegateOf(options: LoadOptions): String? {
    if (options.threads !in LoadOptions.THREADS) {
        val most = LoadOptions.THREADS.last
        throw Problem(Reason.REQUEST, "${options.threads} threads: 1 to $most can be asked")
    }
    val delegate = options.delegate ?: return delegates.firstOrNull()
    if (delegate !in delegates) {
        val known = if (delegates.isEmpty()) "it takes none" else delegates.joinToString()
        throw Problem(Reason.REQUEST, "${name.label} has no delegate $delegate: $known")
    }
    return delegate
}
