package dev.edgekd.core.demo

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.IOException
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull
import kotlin.test.assertSame

class OutcomeTest {
    @Test
    fun aValueComesThrough() {
        val outcome = attempt { 7 }.map { it + 1 }

        assertEquals(8, outcome.orThrow())
        assertEquals(8, outcome.valueOrNull())
        assertNull(outcome.problemOrNull)
    }

    @Test
    fun whateverIsThrownIsAProblem() {
        val reasons =
            listOf(
                OutOfMemoryError("no room"),
                UnsatisfiedLinkError("no library"),
                IOException("no disk"),
                IllegalStateException("no idea"),
            ).map { thrown -> attempt { throw thrown }.problemOrNull?.reason }

        assertEquals(
            listOf<Reason?>(Reason.MEMORY, Reason.ENGINE, Reason.STORAGE, Reason.OTHER),
            reasons,
        )
    }

    @Test
    fun aProblemStaysWhatItIs() {
        val problem = Problem(Reason.HASH, "another file")

        val outcome: Outcome<Int> = attempt<Int> { throw problem }.map { it + 1 }

        assertSame(problem, outcome.problemOrNull)
        assertNull(outcome.valueOrNull())
        assertSame(problem, assertFailsWith<Problem> { outcome.orThrow() })
    }
}
