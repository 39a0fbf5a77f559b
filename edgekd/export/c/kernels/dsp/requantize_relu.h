/* Sums are shifted so that every channel ends in the same shift. Both roundings are one addend, as
 * nothing below the zero point survives the clamp, and SSAT shifts and clamps. */
#define EDGEKD_DSP_REQUANTIZE_RELU(sum)                                                            \
    "smmla " sum ", " sum ", r2, r3\n\t"                                                           \
    "ssat " sum ", #8, " sum ", asr #12\n\t"
