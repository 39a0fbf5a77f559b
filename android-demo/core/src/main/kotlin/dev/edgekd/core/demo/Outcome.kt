package dev.edgekd.core.demo

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.problemOf

/** What came of something that can fail: nothing is thrown past it. */
sealed interface Outcome<out T> {
    class Success<T>(val value: T) : Outcome<T>

    class Failure(val problem: Problem) : Outcome<Nothing>
}

/** The value, or null where there is none. */
fun <T> Outcome<T>.valueOrNull(): T? = (this as? Outcome.Success)?.value

/** Why there is no value, or null where there is one. */
val Outcome<*>.problemOrNull: Problem?
    get() = (this as? Outcome.Failure)?.problem

/** The value; throws the [Problem] where there is none. */
fun <T> Outcome<T>.orThrow(): T =
    when (this) {
        is Outcome.Success -> value
        is Outcome.Failure -> throw problem
    }

/** [change] of the value; a failure stays what it is. */
fun <T, R> Outcome<T>.map(change: (T) -> R): Outcome<R> =
    when (this) {
        is Outcome.Success -> Outcome.Success(change(value))
        is Outcome.Failure -> this
    }

/**
 * Do [step]; whatever it throws becomes a [Problem].
 *
 * A runtime in native code fails in many ways: out of memory, a missing library, exceptions of its
 * own. The screen can show each of them.
 */
fun <T> attempt(step: () -> T): Outcome<T> =
    try {
        Outcome.Success(step())
    } catch (failure: Throwable) {
        Outcome.Failure(problemOf(failure))
    }
