package dev.edgekd.core.engine

import dev.edgekd.core.benchmark.SumEngine
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull

class DelegatesTest {
    private val engine = SumEngine(EngineName.ONNX)

    private fun refused(told: String, action: () -> Unit) {
        val problem = assertFailsWith<Problem>(told) { action() }
        assertEquals(Reason.REQUEST, problem.reason)
        assertEquals(told, problem.message)
    }

    @Test
    fun theFirstOneIsTheEnginesOwnChoice() {
        assertEquals("plain", engine.delegateOf(LoadOptions(threads = 1)))
        assertEquals("other", engine.delegateOf(LoadOptions(threads = 64, "other")))
    }

    @Test
    fun anEngineWithoutDelegatesTakesNone() {
        val plain =
            object : Engine by engine {
                override val delegates: List<String> = emptyList()
            }
        assertNull(plain.delegateOf(LoadOptions(threads = 1)))
        refused("onnx has no delegate cpu: it takes none") {
            plain.delegateOf(LoadOptions(threads = 1, "cpu"))
        }
    }

    @Test
    fun whatThereIsNotIsRefused() {
        refused("onnx has no delegate npu: plain, other") {
            engine.delegateOf(LoadOptions(threads = 1, "npu"))
        }
        for (threads in listOf(-1, 0, 65)) {
            refused("$threads threads: 1 to 64 can be asked") {
                engine.delegateOf(LoadOptions(threads))
            }
        }
    }
}
