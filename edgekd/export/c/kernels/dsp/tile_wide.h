#include "dsp/tile.h"
/* Weights as 16-bit values, two words of two channels at a time: 12 multiply-accumulates in 8
 * instructions, for twice the flash. Weights and sums are already shifted as requantization wants
 * them. */
#define EDGEKD_DSP_TILE_WIDE_PAIR                                                                  \
    "ldm.w r0!, {r2, r3}\n\t"                                                                      \
    "ldm.w r1!, {r4, r5, r6}\n\t"                                                                  \
    "smlad r8, r2, r4, r8\n\t"                                                                     \
    "smlad r11, r3, r4, r11\n\t"                                                                   \
    "smlad r9, r2, r5, r9\n\t"                                                                     \
    "smlad r12, r3, r5, r12\n\t"                                                                   \
    "smlad r10, r2, r6, r10\n\t"                                                                   \
    "smlad lr, r3, r6, lr\n\t"
#define EDGEKD_DSP_TILE_WIDE_BLOCK EDGEKD_DSP_TILE_WIDE_PAIR EDGEKD_DSP_TILE_WIDE_PAIR
#define EDGEKD_DSP_TILE_WIDE EDGEKD_DSP_TILE_BEGIN(EDGEKD_DSP_TILE_WIDE_BLOCK, "64", "4")
