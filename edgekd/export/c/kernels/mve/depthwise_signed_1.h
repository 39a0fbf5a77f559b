#include "mve/depthwise_stride_1.h"
/* No limits but those of int8. */
static __attribute__((noinline)) void edgekd_mve_depthwise_signed_strips_1(
    const struct edgekd_mve_depthwise *p, int32_t channel, const int8_t *cell, int8_t *target,
    int32_t strips, int32_t last)
{
    edgekd_mve_depthwise_strips_1(p, channel, cell, target, strips, last, 1);
}

static __attribute__((noinline)) void edgekd_mve_depthwise_signed_1(
    const struct edgekd_mve_depthwise *p, const int8_t *input, int8_t *output, void *scratch)
{
    edgekd_mve_depthwise(
        p, input, output, scratch, edgekd_mve_depthwise_signed_strips_1);
}
