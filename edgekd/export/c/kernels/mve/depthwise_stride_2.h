#include "mve/depthwise.h"
static inline __attribute__((always_inline)) void edgekd_mve_depthwise_strips_2(
    const struct edgekd_mve_depthwise *p, int32_t channel, const int8_t *first_cell,
    int8_t *first_target, int32_t count, int32_t last, const int32_t sign)
{
    const uint8x16_t spread = vld1q_u8(p->spread);
    const int8x16_t w00 = edgekd_mve_depthwise_weights(p->weights + 9 * channel, spread, 0x0777);
    const int8x16_t w01 = w00;
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)p->output_step);
    EDGEKD_MVE_DEPTHWISE_OPERANDS(
        first_cell, first_target, count, p->channels + 4 * channel, &p->row);
    (void)last;
    if (sign)
        EDGEKD_MVE_DEPTHWISE_ROWS(EDGEKD_MVE_DEPTHWISE_LOADS_2, EDGEKD_MVE_DEPTHWISE_SIGN);
    else
        EDGEKD_MVE_DEPTHWISE_ROWS(EDGEKD_MVE_DEPTHWISE_LOADS_2, "");
}
