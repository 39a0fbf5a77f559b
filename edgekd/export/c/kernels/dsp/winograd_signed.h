#include "dsp/winograd_tiles.h"
#include "dsp/requantize_signed.h"
#define EDGEKD_DSP_WINOGRAD_SIGNED(sum)                                                            \
    "asr " sum ", " sum ", #1\n\t" EDGEKD_DSP_REQUANTIZE_SIGNED(sum)

static __attribute__((noinline)) void
edgekd_dsp_winograd_signed(struct edgekd_dsp_winograd_tiles *tiles)
{
    EDGEKD_DSP_WINOGRAD(tiles, EDGEKD_DSP_WINOGRAD_SIGNED);
}
