#include "dsp/tile_wide.h"
#include "dsp/requantize_signed.h"
#include <string.h>
/* Sums are sixteen times too large, and wanted twice too large. */
#define EDGEKD_DSP_TILE_INT4_SUM(sum)                                                              \
    "asr " sum ", " sum ", #3\n\t" EDGEKD_DSP_REQUANTIZE_SIGNED(sum)

static __attribute__((noinline)) void edgekd_dsp_tile_nibbles(const struct edgekd_dsp_tile *tile)
{
    EDGEKD_DSP_TILE(tile, EDGEKD_DSP_TILE_WIDE, EDGEKD_DSP_TILE_INT4_SUM, EDGEKD_DSP_TILE_INT4_SUM);
}

/* Two channels' 4-bit weights lie in each byte, the first in its lower half. Those of two channels
 * at a time are put behind the columns as 16-bit values, sixteen times too large: the upper half of
 * a signed byte is the easiest to take. */
static void edgekd_dsp_tile_int4(const struct edgekd_dsp_tile *tile)
{
    struct edgekd_dsp_tile pair = *tile;
    int8_t *const panel = (int8_t *)tile->columns + 24 * tile->blocks;
    const int16_t *packed = tile->weights;
    pair.weights = (const int16_t *)(const void *)panel;
    for (; pair.output < tile->end; pair.output += 2, pair.outputs += 8) {
        int8_t *to = panel;
        for (int32_t block = 0; block < tile->blocks; block++, packed += 2, to += 16) {
            uint32_t four, words[4];
            memcpy(&four, packed, 4);
            const uint32_t first = four << 4 & 0xf0f0f0f0u, second = four & 0xf0f0f0f0u;
            __asm__("sxtb16 %0, %1" : "=r"(words[0]) : "r"(first));
            __asm__("sxtb16 %0, %1" : "=r"(words[1]) : "r"(second));
            __asm__("sxtb16 %0, %1, ror #8" : "=r"(words[2]) : "r"(first));
            __asm__("sxtb16 %0, %1, ror #8" : "=r"(words[3]) : "r"(second));
            memcpy(to, words, 16);
        }
        pair.end = pair.output + 2;
        edgekd_dsp_tile_nibbles(&pair);
    }
}
