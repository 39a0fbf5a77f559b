package dev.edgekd.core.bundle

import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.tensor.DType
import dev.edgekd.core.tensor.Layout
import dev.edgekd.core.tensor.Quantization
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull

class BundleReaderTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private val small by lazy { SmallBundle(File(temporary.root, "small")) }

    private fun read(): Bundle = BundleReader.read(small.write())

    @Test
    fun readsAWholeBundle() {
        val bundle = read()
        assertEquals(listOf("digits", "distilled-int8"), listOf(bundle.name, bundle.rung))
        assertEquals(listOf("int8", "int8 weights"), listOf(bundle.precision, bundle.scheme))
        assertEquals(EngineName.ONNX, bundle.engine)
        assertEquals(File(small.folder, "model.onnx"), bundle.model)
        assertEquals(File(small.folder, "golden.safetensors"), bundle.golden)
        assertEquals(small.model.size.toLong(), bundle.modelBytes)
        assertEquals(sha256(small.model), bundle.sha256)
        assertEquals(listOf("a", "b", "c"), bundle.labels)
        val input = bundle.inputs.single()
        assertEquals(listOf(1, 1, 4, 4), input.shape)
        assertEquals(
            listOf(DType.FLOAT32, Layout.NCHW, null),
            listOf(input.dtype, input.layout, input.quantization),
        )
        assertEquals(Quantization(0.25f, -3), bundle.outputs.single().quantization)
        val preprocessing = assertNotNull(bundle.preprocessing)
        assertEquals(
            listOf(0.0625, 0.5, 2.0),
            listOf(preprocessing.scale) + preprocessing.mean + preprocessing.std,
        )
        assertEquals(Axis.CHANNEL, preprocessing.axis)
        assertEquals(Task.IMAGE, bundle.task)
    }

    @Test
    fun readsAFrontEndWhoseWholeNumbersComeAsFloats() {
        small.withSound()
        val bundle = read()
        assertEquals(Task.SOUND, bundle.task)
        val preprocessing = assertNotNull(bundle.preprocessing)
        assertEquals(Axis.BIN, preprocessing.axis)
        val frontEnd = assertNotNull(preprocessing.frontEnd)
        assertEquals(FeatureKind.MFCC, frontEnd.kind)
        assertEquals(
            listOf(1000, 8, 5),
            listOf(frontEnd.sampleRate, frontEnd.melBins, frontEnd.coefficients),
        )
        assertEquals(
            listOf(100, 40, 20),
            listOf(frontEnd.clipSamples, frontEnd.windowSamples, frontEnd.strideSamples),
        )
        assertEquals(listOf(4, 5), listOf(frontEnd.frames, frontEnd.bins))
    }

    @Test
    fun halfASampleGoesToTheEvenNumberAsInPython() {
        val frontEnd = FrontEnd(FeatureKind.MFCC, 1000, 0.1005, 42.5, 21.5, 8, 5, 20.0, 500.0)
        assertEquals(100, frontEnd.clipSamples)
        assertEquals(42, frontEnd.windowSamples)
        assertEquals(22, frontEnd.strideSamples)
        assertEquals(3, frontEnd.frames)
    }

    @Test
    fun readsAFrontEndInNhwc() {
        small.withSound("kind" to "\"log-mel\"", "mel_bins" to "5")
        small.members["inputs"] =
            SmallBundle.INPUT
                .replace("[1, 1, 4, 4]", "[1, 4, 5, 1]")
                .replace("NCHW", "NHWC")
                .let { "[$it]" }
        assertEquals(Task.SOUND, read().task)
    }

    @Test
    fun readsText() {
        small.withText()
        val bundle = read()
        assertEquals(Task.TEXT, bundle.task)
        val text = assertNotNull(bundle.preprocessing?.text)
        assertEquals(File(small.folder, "tokenizer.json"), text.tokenizer)
        assertEquals(8, text.length)
    }

    @Test
    fun whatIsNoClassifierTakesNumbers() {
        small.members["labels"] = "[]"
        small.members["preprocessing"] = "null"
        small.members["golden"] = "null"
        val bundle = read()
        assertEquals(Task.NUMBERS, bundle.task)
        assertNull(bundle.golden)
        small.members["labels"] = "[\"normal\", \"anomaly\"]"
        small.members["outputs"] = small.members.getValue("inputs")
        small.members["preprocessing"] = SmallBundle.PREPROCESSING
        assertEquals(Task.NUMBERS, read().task)
    }

    @Test
    fun imagesHaveOneOrThreeChannels() {
        for ((channels, task) in listOf(1 to Task.IMAGE, 2 to Task.NUMBERS, 3 to Task.IMAGE)) {
            val shape = "[1, 4, 4, $channels]"
            small.members["inputs"] =
                SmallBundle.INPUT
                    .replace("[1, 1, 4, 4]", shape)
                    .replace("NCHW", "NHWC")
                    .let { "[$it]" }
            assertEquals(task, read().task)
        }
        small.members["inputs"] =
            SmallBundle.INPUT
                .replace("[1, 1, 4, 4]", "[1, 16]")
                .replace("NCHW", "NC")
                .let { "[$it]" }
        assertEquals(Task.NUMBERS, read().task)
    }

    @Test
    fun membersOfLaterVersionsAreLeftAlone() {
        small.members["surprise"] = "{\"a\": [1]}"
        small.members.remove("preflight")
        assertEquals("digits", read().name)
    }
}
