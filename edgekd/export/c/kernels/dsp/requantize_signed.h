/* Twice the sum times the multiplier, high word, rounded: the first rounding. Then one less where
 * the sum is negative, which makes the second rounding go half away from zero. The zero point and
 * half of the shift's unit are one addend. */
#define EDGEKD_DSP_REQUANTIZE_SIGNED(sum)                                                          \
    "smmlar r5, " sum ", r2, r3\n\t"                                                               \
    "add r5, r5, " sum ", asr #31\n\t"                                                             \
    "asr r5, r5, r4\n\t"                                                                           \
    "ssat " sum ", #8, r5\n\t"
