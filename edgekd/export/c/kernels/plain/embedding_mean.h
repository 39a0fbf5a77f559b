#include "common/requantize.h"
#include "common/clamp.h"
#include "plain/rows.h"
/* Mean of the rows that numbers name, without a copy of them; the division by the count is part of
   the multiplier. */
struct edgekd_embedding_mean {
    int32_t rows, width, count, multiplier, offset;
    int16_t shift, output_zero_point;
};

static __attribute__((noinline)) void edgekd_embedding_mean(
    const struct edgekd_embedding_mean *p, const int8_t *table, const int32_t *numbers,
    int8_t *output)
{
    for (int32_t j = 0; j < p->width; ++j, ++table) {
        int32_t sum = p->offset;
        for (int32_t i = 0; i < p->count; ++i)
            sum += table[edgekd_row(numbers[i], p->rows) * p->width];
        const int32_t scaled = edgekd_requantize(sum, p->multiplier, p->shift);
        output[j] = edgekd_clamp(scaled + p->output_zero_point, INT8_MIN, INT8_MAX);
    }
}
