#include "dsp/tile.h"
/* Each weight halfword holds two channels of one input value: 256 * second + first. SMLAD with such
 * halfwords sums 256 * SECOND + FIRST, SXTB16 leaves the first channel's bytes, SMLAD sums FIRST
 * alone, and the second is (sum - FIRST) >> 8, exactly, as |SECOND| < 2^23 (checked when the code
 * is generated). One word of weights and three words of columns make 12 multiply-accumulates in 8.5
 * instructions. */
#define EDGEKD_DSP_TILE_JOINT_PAIR(weights)                                                        \
    "ldm.w r1!, {r4, r5, r6}\n\t"                                                                  \
    "smlad r11, " weights ", r4, r11\n\t"                                                          \
    "smlad r12, " weights ", r5, r12\n\t"                                                          \
    "smlad lr, " weights ", r6, lr\n\t"                                                            \
    "sxtb16 " weights ", " weights "\n\t"                                                          \
    "smlad r8, " weights ", r4, r8\n\t"                                                            \
    "smlad r9, " weights ", r5, r9\n\t"                                                            \
    "smlad r10, " weights ", r6, r10\n\t"
#define EDGEKD_DSP_TILE_JOINT_BLOCK                                                                \
    "ldm.w r0!, {r2, r3}\n\t" EDGEKD_DSP_TILE_JOINT_PAIR("r2") EDGEKD_DSP_TILE_JOINT_PAIR("r3")
#define EDGEKD_DSP_TILE_JOINT                                                                      \
    EDGEKD_DSP_TILE_BEGIN(EDGEKD_DSP_TILE_JOINT_BLOCK, "68", "3")                                  \
    "sub r11, r11, r8\n\t"                                                                         \
    "sub r12, r12, r9\n\t"                                                                         \
    "sub lr, lr, r10\n\t"
