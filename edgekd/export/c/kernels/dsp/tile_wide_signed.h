#include "dsp/tile_wide.h"
#include "dsp/requantize_signed.h"

static __attribute__((noinline)) void
edgekd_dsp_tile_wide_signed(const struct edgekd_dsp_tile *tile)
{
    EDGEKD_DSP_TILE(tile, EDGEKD_DSP_TILE_WIDE, EDGEKD_DSP_REQUANTIZE_SIGNED,
                    EDGEKD_DSP_REQUANTIZE_SIGNED);
}
