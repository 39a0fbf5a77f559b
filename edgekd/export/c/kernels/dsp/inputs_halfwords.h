/* Four inputs that were made 16-bit values before, which pays for all groups. */
#define EDGEKD_DSP_INPUTS_HALFWORDS "ldm.w r1!, {r12, lr}\n\t"
