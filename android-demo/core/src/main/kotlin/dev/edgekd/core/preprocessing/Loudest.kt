package dev.edgekd.core.preprocessing

/**
 * The [length] samples with the most energy; sound that is not longer is followed by zeros.
 *
 * Where a short word fits into many stretches, all within [NEARLY] of the most energy, the middle
 * one is taken.
 */
internal fun loudest(sound: FloatArray, length: Int): FloatArray {
    if (sound.size <= length) return sound.copyOf(length)
    val energy = DoubleArray(sound.size + 1)
    for (index in sound.indices) {
        energy[index + 1] = energy[index] + sound[index].toDouble() * sound[index]
    }
    val starts = 0..sound.size - length
    val most = starts.maxOf { energy[it + length] - energy[it] }
    val loud = starts.filter { energy[it + length] - energy[it] >= NEARLY * most }
    val start = loud[loud.size / 2]
    return sound.copyOfRange(start, start + length)
}

private const val NEARLY = 0.99
