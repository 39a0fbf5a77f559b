#include <string.h>
/* Sums of four neighbouring channels over `count` pixels that lie `step` bytes apart: 16-bit sums
 * of two channels in a word, brought to 32 bits before they can overflow. */
static inline void edgekd_dsp_sums(const int8_t *input, int32_t step, int32_t count,
                                   int32_t sums[4])
{
    memset(sums, 0, 4 * sizeof *sums);
    while (count > 0) {
        int32_t left = count < 255 ? count : 255;
        uint32_t even = 0, odd = 0;
        count -= left;
        for (; left > 0; left--, input += step) {
            uint32_t four;
            memcpy(&four, input, 4);
            __asm__("sxtab16 %0, %0, %1" : "+r"(even) : "r"(four));
            __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(four));
        }
        sums[0] += (int16_t)even;
        sums[1] += (int16_t)odd;
        sums[2] += (int32_t)even >> 16;
        sums[3] += (int32_t)odd >> 16;
    }
}
