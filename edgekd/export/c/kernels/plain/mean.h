#include "common/requantize.h"
#include "common/clamp.h"
/* Mean over the middle axis of [outer][count][inner]; the division by the count is part of the
   multiplier. */
struct edgekd_mean {
    int32_t outer, count, inner, multiplier, offset;
    int16_t shift, output_zero_point;
};

static __attribute__((noinline)) void edgekd_mean(
    const struct edgekd_mean *p, const int8_t *input, int8_t *output)
{
    for (int32_t i = 0; i < p->outer; ++i, input += p->count * p->inner) {
        for (int32_t j = 0; j < p->inner; ++j) {
            int32_t sum = p->offset;
            for (int32_t k = 0; k < p->count; ++k)
                sum += input[k * p->inner + j];
            const int32_t scaled = edgekd_requantize(sum, p->multiplier, p->shift);
            *output++ = edgekd_clamp(scaled + p->output_zero_point, INT8_MIN, INT8_MAX);
        }
    }
}
