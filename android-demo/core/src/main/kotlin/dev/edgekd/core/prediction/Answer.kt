package dev.edgekd.core.prediction

/** A class and how probable the model finds it, 0 to 1. */
class Prediction(val label: String, val probability: Double)

/** All classes, the best first, and how long the inference alone took. */
class Answer(val predictions: List<Prediction>, val milliseconds: Double)

/**
 * A model against its bundle's golden outputs.
 *
 * [maxAbs] is the largest difference of any output, [sameTop] counts samples whose largest output
 * is the same one.
 */
class SelfCheck(val samples: Int, val maxAbs: Double, val sameTop: Int)
