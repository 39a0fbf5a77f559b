package dev.edgekd.core.prediction

/** What a user shows to a model. */
sealed interface Sample {
    /** Pixels row by row, `0xAARRGGBB`; of any size, the middle is taken. */
    class Image(val width: Int, val height: Int, val argb: IntArray) : Sample

    /** One channel between -1 and 1 at [sampleRate] hertz. */
    class Sound(val samples: FloatArray, val sampleRate: Int) : Sample

    /** Anything that is written. */
    class Text(val text: String) : Sample
}
