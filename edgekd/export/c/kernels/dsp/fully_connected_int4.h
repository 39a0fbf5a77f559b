#include "dsp/fully_connected_group.h"
/* Two outputs' 4-bit weights in each byte, the first in its lower half, made 16-bit values sixteen
 * times too large: 8 multiply-accumulates in 13 instructions. */
#define EDGEKD_DSP_GROUP_INT4_PAIR(first, second)                                                  \
    "ldr.w r2, [r0], #4\n\t"                                                                       \
    "and r3, r2, #0xf0f0f0f0\n\t"                                                                  \
    "sxtb16 r3, r3\n\t"                                                                            \
    "smlad " second ", r3, r12, " second "\n\t"                                                    \
    "and r3, r2, #0xf0f0f0f0\n\t"                                                                  \
    "sxtb16 r3, r3, ror #8\n\t"                                                                    \
    "smlad " second ", r3, lr, " second "\n\t"                                                     \
    "lsl.w r2, r2, #4\n\t"                                                                         \
    "and r2, r2, #0xf0f0f0f0\n\t"                                                                  \
    "sxtb16 r3, r2\n\t"                                                                            \
    "smlad " first ", r3, r12, " first "\n\t"                                                      \
    "sxtb16 r2, r2, ror #8\n\t"                                                                    \
    "smlad " first ", r2, lr, " first "\n\t"
#define EDGEKD_DSP_GROUP_INT4                                                                      \
    EDGEKD_DSP_GROUP_INT4_PAIR("r4", "r5")                                                         \
    EDGEKD_DSP_GROUP_INT4_PAIR("r6", "r7")                                                         \
    EDGEKD_DSP_GROUP_INT4_PAIR("r8", "r9")                                                         \
    EDGEKD_DSP_GROUP_INT4_PAIR("r10", "r11")
