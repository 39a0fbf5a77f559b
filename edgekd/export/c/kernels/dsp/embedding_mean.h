#include <string.h>
#include "common/requantize.h"
#include "common/clamp.h"
#include "plain/rows.h"
/* Mean of the rows that numbers name, four columns at a time; the width is a multiple of four. The
 * division by the count is part of the multiplier. */
struct edgekd_dsp_embedding_mean {
    int32_t rows, width, count, multiplier, offset;
    int16_t shift, output_zero_point;
};

/* Sums of four columns: 16-bit sums of two in a word, brought to 32 bits before they can overflow. */
static inline void edgekd_dsp_embedding_sums(const struct edgekd_dsp_embedding_mean *m,
                                             const int8_t *column, const int32_t *numbers,
                                             int32_t sums[4])
{
    memset(sums, 0, 4 * sizeof *sums);
    for (int32_t count = m->count; count > 0;) {
        int32_t left = count < 255 ? count : 255;
        uint32_t even = 0, odd = 0;
        count -= left;
        for (; left > 0; left--) {
            uint32_t four;
            memcpy(&four, column + edgekd_row(*numbers++, m->rows) * m->width, 4);
            __asm__("sxtab16 %0, %0, %1" : "+r"(even) : "r"(four));
            __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(four));
        }
        sums[0] += (int16_t)even;
        sums[1] += (int16_t)odd;
        sums[2] += (int32_t)even >> 16;
        sums[3] += (int32_t)odd >> 16;
    }
}

static __attribute__((noinline)) void
edgekd_dsp_embedding_mean(const struct edgekd_dsp_embedding_mean *m, const int8_t *table,
                          const int32_t *numbers, int8_t *output)
{
    for (int32_t column = 0; column < m->width; column += 4) {
        int32_t sums[4];
        edgekd_dsp_embedding_sums(m, table + column, numbers, sums);
        for (int i = 0; i < 4; i++) {
            const int32_t scaled = edgekd_requantize(sums[i] + m->offset, m->multiplier, m->shift);
            *output++ = edgekd_clamp(scaled + m->output_zero_point, INT8_MIN, INT8_MAX);
        }
    }
}
