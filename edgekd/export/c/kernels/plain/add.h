#include "common/requantize.h"
#include "common/clamp.h"
#include "plain/broadcast.h"
/* Sum or difference: both inputs are brought to twice the larger scale with 20 more bits, added,
   and brought to the output's scale. `sign` is 1 or -1. */
struct edgekd_add {
    struct edgekd_broadcast shape;
    int32_t left_multiplier, right_multiplier, output_multiplier;
    int16_t left_shift, right_shift, output_shift, sign;
    int16_t left_zero_point, right_zero_point, output_zero_point, minimum, maximum;
};

static __attribute__((noinline)) void edgekd_add(
    const struct edgekd_add *p, const int8_t *left, const int8_t *right, int8_t *output)
{
    const int32_t count = edgekd_broadcast_count(&p->shape);
    for (int32_t i = 0; i < count; ++i) {
        const int32_t a = left[edgekd_broadcast_offset(p->shape.size, p->shape.left, i)];
        const int32_t b = right[edgekd_broadcast_offset(p->shape.size, p->shape.right, i)];
        const int32_t scaled_a = edgekd_requantize(
            (a - p->left_zero_point) * (1 << 20), p->left_multiplier, p->left_shift);
        const int32_t scaled_b = edgekd_requantize(
            (b - p->right_zero_point) * (1 << 20), p->right_multiplier, p->right_shift);
        const int32_t sum = edgekd_requantize(
            scaled_a + p->sign * scaled_b, p->output_multiplier, p->output_shift);
        output[i] = edgekd_clamp(sum + p->output_zero_point, p->minimum, p->maximum);
    }
}
