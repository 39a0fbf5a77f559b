#include "dsp/tile_joint.h"
#include "dsp/requantize_relu.h"
#define EDGEKD_DSP_TILE_JOINT_RELU_FIRST(sum)                                                      \
    "lsl " sum ", " sum ", r4\n\t" EDGEKD_DSP_REQUANTIZE_RELU(sum)
#define EDGEKD_DSP_TILE_JOINT_RELU_SECOND(sum)                                                     \
    "asr " sum ", " sum ", r4\n\t" EDGEKD_DSP_REQUANTIZE_RELU(sum)

static __attribute__((noinline)) void
edgekd_dsp_tile_joint_relu(const struct edgekd_dsp_tile *tile)
{
    EDGEKD_DSP_TILE(tile, EDGEKD_DSP_TILE_JOINT, EDGEKD_DSP_TILE_JOINT_RELU_FIRST,
                    EDGEKD_DSP_TILE_JOINT_RELU_SECOND);
}
