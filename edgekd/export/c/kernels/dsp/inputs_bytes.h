/* Four inputs as they are stored, made 16-bit values. */
#define EDGEKD_DSP_INPUTS_BYTES                                                                    \
    "ldr.w r12, [r1], #4\n\t"                                                                      \
    "sxtb16 lr, r12, ror #8\n\t"                                                                   \
    "sxtb16 r12, r12\n\t"
