#include "common/requantize.h"
#include "common/clamp.h"
#include "dsp/sums.h"
/* Mean over the middle axis of [outer][count][inner], four at a time; inner is a multiple of four.
 * The division by the count is part of the multiplier. */
struct edgekd_dsp_mean {
    int32_t outer, count, inner, multiplier, offset;
    int16_t shift, output_zero_point;
};

static __attribute__((noinline)) void edgekd_dsp_mean(const struct edgekd_dsp_mean *m,
                                                      const int8_t *input, int8_t *output)
{
    for (int32_t outer = 0; outer < m->outer; outer++, input += m->count * m->inner) {
        for (int32_t inner = 0; inner < m->inner; inner += 4) {
            int32_t sums[4];
            edgekd_dsp_sums(input + inner, m->inner, m->count, sums);
            for (int i = 0; i < 4; i++) {
                const int32_t scaled =
                    edgekd_requantize(sums[i] + m->offset, m->multiplier, m->shift);
                *output++ = edgekd_clamp(scaled + m->output_zero_point, INT8_MIN, INT8_MAX);
            }
        }
    }
}
