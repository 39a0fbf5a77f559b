#include "dsp/tile_joint.h"
#include "dsp/requantize_signed.h"
#define EDGEKD_DSP_TILE_JOINT_SIGNED_FIRST(sum)                                                    \
    "lsl " sum ", " sum ", #1\n\t" EDGEKD_DSP_REQUANTIZE_SIGNED(sum)
#define EDGEKD_DSP_TILE_JOINT_SIGNED_SECOND(sum)                                                   \
    "asr " sum ", " sum ", #7\n\t" EDGEKD_DSP_REQUANTIZE_SIGNED(sum)

static __attribute__((noinline)) void
edgekd_dsp_tile_joint_signed(const struct edgekd_dsp_tile *tile)
{
    EDGEKD_DSP_TILE(tile, EDGEKD_DSP_TILE_JOINT, EDGEKD_DSP_TILE_JOINT_SIGNED_FIRST,
                    EDGEKD_DSP_TILE_JOINT_SIGNED_SECOND);
}
