package dev.edgekd.core.demo

import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.prediction.Sample
import dev.edgekd.core.preprocessing.Drawing
import dev.edgekd.core.preprocessing.ImageShape
import dev.edgekd.core.preprocessing.Picture

/** What the user put in, the same for all models. */
sealed interface Input {
    /** The sample for the model of [bundle]. Throws [dev.edgekd.core.problem.Problem]. */
    fun sampleFor(bundle: Bundle): Sample
}

/** As it is: a photograph, a word, a text. */
class Given(private val sample: Sample) : Input {
    override fun sampleFor(bundle: Bundle): Sample = sample
}

/** Drawn with a finger, light on dark: brought to where a data set has its signs. */
class Drawn(private val image: Sample.Image) : Input {
    override fun sampleFor(bundle: Bundle): Sample {
        val drawing = Picture(image.width, image.height, image.argb)
        val fitted = Drawing.fitted(drawing, ImageShape.of(bundle.inputs.first()))
        return Sample.Image(fitted.width, fitted.height, fitted.argb)
    }
}
