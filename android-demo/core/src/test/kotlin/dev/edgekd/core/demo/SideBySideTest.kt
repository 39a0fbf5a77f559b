package dev.edgekd.core.demo

import dev.edgekd.core.prediction.Sample
import dev.edgekd.core.problem.Reason
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull

class SideBySideTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val engine = ColumnEngine()

    /** Models of these contents, loaded. */
    private fun loaded(vararg models: String): SideBySide {
        val keys =
            models.mapIndexed { index, model ->
                columnBundle(File(temporary.root, "bundles/model$index"), model)
                "bundles/model$index"
            }
        return SideBySide(BundleShelf(temporary.root), keys) { engine }.apply { load() }
    }

    /** Light in one column of a picture of 4 x 4. */
    private fun light(column: Int): Sample.Image {
        val pixels = IntArray(16) { if (it % 4 == column) 0xFFFFFF else 0 }
        return Sample.Image(4, 4, pixels)
    }

    private fun SideBySide.answers() =
        states.map {
            it
                .valueOrNull()
                ?.answer
                ?.valueOrNull()
                ?.predictions
                ?.first()
                ?.label
        }

    @Test
    fun bothAnswerTheSameInput() {
        val models = loaded("columns", "columns larger")

        models.predict(Given(light(column = 0)))
        assertEquals(listOf<String?>("left", "left"), models.answers())
        models.predict(Given(light(column = 3)))

        assertEquals(listOf<String?>("right", "right"), models.answers())
        val state = assertNotNull(models.states[0].valueOrNull())
        assertEquals(2, state.runs)
        assertEquals("plain", state.delegate)
        val comparison = assertNotNull(models.comparison)
        assertEquals(Ratio.Less("columns larger".length / 7.0), comparison.size)
        assertEquals(true, comparison.sameAnswer)
    }

    @Test
    fun whatIsDrawnIsBroughtToTheMiddle() {
        val models = loaded("columns")
        // A stroke downwards at the left edge.
        val pixels = IntArray(40 * 40) { if (it % 40 in 2..5) 0xFFFFFF else 0 }

        models.predict(Drawn(Sample.Image(40, 40, pixels)))

        assertEquals(listOf<String?>("middle"), models.answers())
    }

    @Test
    fun noInputLeavesNoAnswer() {
        val models = loaded("columns", "columns larger", "columns fails")
        models.predict(Given(light(column = 0)))

        models.clear()

        assertEquals(listOf<Any?>(null, null, null), models.states.map { it.valueOrNull()?.answer })
        assertNull(models.comparison)
        models.predict(Given(light(column = 3)))
        assertEquals(listOf("right", "right", null), models.answers())
        assertEquals(2, models.states[0].valueOrNull()?.runs)
    }

    @Test
    fun oneThatFailsLeavesTheOtherAlone() {
        val models = loaded("columns fails", "columns")

        models.predict(Given(light(column = 0)))

        assertEquals(listOf(null, "left"), models.answers())
        val failed = assertNotNull(models.states[0].valueOrNull()).answer
        assertEquals(true, failed?.problemOrNull?.message?.contains("the runtime said no"))
        assertNull(models.comparison)
    }

    @Test
    fun oneThatCannotBeLoadedLeavesTheOtherAlone() {
        val models = loaded("rows", "columns")
        models.predict(Given(light(column = 0)))

        assertEquals(Reason.MODEL, models.states[0].problemOrNull?.reason)
        assertEquals("left", models.answers()[1])
    }

    @Test
    fun aBundleThatIsGoneIsAProblem() {
        val models = SideBySide(BundleShelf(temporary.root), listOf("bundles/gone")) { engine }
        models.load()

        assertEquals(
            Reason.MODEL,
            models.states
                .single()
                .problemOrNull
                ?.reason,
        )
    }

    @Test
    fun aCheckThatFailsIsShown() {
        val models = loaded("columns")
        // The golden file of this bundle holds no tensors.
        models.check()

        val check =
            models.states
                .single()
                .valueOrNull()
                ?.selfCheck
        assertIs<Outcome.Failure>(check)
    }

    @Test
    fun allModelsAreClosed() {
        val models = loaded("columns", "columns larger")
        assertEquals(2, engine.open)

        models.close()

        assertEquals(0, engine.open)
        assertEquals(emptyList(), models.states)
    }
}
