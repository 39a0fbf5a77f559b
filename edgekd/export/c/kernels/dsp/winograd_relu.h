#include "dsp/winograd_tiles.h"
#include "dsp/requantize_relu.h"
#define EDGEKD_DSP_WINOGRAD_RELU(sum)                                                              \
    "lsl " sum ", " sum ", r4\n\t" EDGEKD_DSP_REQUANTIZE_RELU(sum)

static __attribute__((noinline)) void
edgekd_dsp_winograd_relu(struct edgekd_dsp_winograd_tiles *tiles)
{
    EDGEKD_DSP_WINOGRAD(tiles, EDGEKD_DSP_WINOGRAD_RELU);
}
