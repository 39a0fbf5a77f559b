#include "dsp/fully_connected_group.h"
/* Weights as 16-bit values: 4 multiply-accumulates in 3 instructions, for twice the flash. */
#define EDGEKD_DSP_GROUP_WIDE_ONE(sum)                                                             \
    "ldm.w r0!, {r2, r3}\n\t"                                                                      \
    "smlad " sum ", r2, r12, " sum "\n\t"                                                          \
    "smlad " sum ", r3, lr, " sum "\n\t"
#define EDGEKD_DSP_GROUP_WIDE                                                                      \
    EDGEKD_DSP_GROUP_WIDE_ONE("r4")                                                                \
    EDGEKD_DSP_GROUP_WIDE_ONE("r5")                                                                \
    EDGEKD_DSP_GROUP_WIDE_ONE("r6")                                                                \
    EDGEKD_DSP_GROUP_WIDE_ONE("r7")                                                                \
    EDGEKD_DSP_GROUP_WIDE_ONE("r8")                                                                \
    EDGEKD_DSP_GROUP_WIDE_ONE("r9")                                                                \
    EDGEKD_DSP_GROUP_WIDE_ONE("r10")                                                               \
    EDGEKD_DSP_GROUP_WIDE_ONE("r11")
