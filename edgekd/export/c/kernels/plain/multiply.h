#include "common/requantize.h"
#include "common/clamp.h"
#include "plain/broadcast.h"
struct edgekd_multiply {
    struct edgekd_broadcast shape;
    int32_t multiplier;
    int16_t shift, left_zero_point, right_zero_point, output_zero_point, minimum, maximum;
};

static __attribute__((noinline)) void edgekd_multiply(
    const struct edgekd_multiply *p, const int8_t *left, const int8_t *right, int8_t *output)
{
    const int32_t count = edgekd_broadcast_count(&p->shape);
    for (int32_t i = 0; i < count; ++i) {
        const int32_t a = left[edgekd_broadcast_offset(p->shape.size, p->shape.left, i)];
        const int32_t b = right[edgekd_broadcast_offset(p->shape.size, p->shape.right, i)];
        const int32_t product = (a - p->left_zero_point) * (b - p->right_zero_point);
        const int32_t scaled = edgekd_requantize(product, p->multiplier, p->shift);
        output[i] = edgekd_clamp(scaled + p->output_zero_point, p->minimum, p->maximum);
    }
}
