#include "common/requantize.h"
#include "common/clamp.h"
#include "plain/broadcast.h"
/* Values below zero are multiplied by a slope of their own; both sides are rescaled. */
struct edgekd_prelu {
    struct edgekd_broadcast shape;
    int32_t positive_multiplier, negative_multiplier;
    int16_t positive_shift, negative_shift;
    int16_t input_zero_point, slope_zero_point, output_zero_point;
};

static __attribute__((noinline)) void edgekd_prelu(
    const struct edgekd_prelu *p, const int8_t *input, const int8_t *slope, int8_t *output)
{
    const int32_t count = edgekd_broadcast_count(&p->shape);
    for (int32_t i = 0; i < count; ++i) {
        const int32_t value =
            input[edgekd_broadcast_offset(p->shape.size, p->shape.left, i)] - p->input_zero_point;
        const int32_t factor =
            slope[edgekd_broadcast_offset(p->shape.size, p->shape.right, i)] - p->slope_zero_point;
        const int32_t scaled =
            value >= 0
                ? edgekd_requantize(value, p->positive_multiplier, p->positive_shift)
                : edgekd_requantize(value * factor, p->negative_multiplier, p->negative_shift);
        output[i] = edgekd_clamp(scaled + p->output_zero_point, INT8_MIN, INT8_MAX);
    }
}
