#include "mve/depthwise.h"
/* All that strips make with stride 1: squares, a last column, and a last line. */
static inline __attribute__((always_inline)) void edgekd_mve_depthwise_strips_1(
    const struct edgekd_mve_depthwise *p, int32_t channel, const int8_t *first_cell,
    int8_t *first_target, int32_t count, int32_t last, const int32_t sign)
{
    const int32_t step = p->output_step, line_step = p->output_line_step;
    const int32_t *of_channel = p->channels + 4 * channel;
    const int8_t *weights = p->weights + 9 * channel;
    const int8x16_t w00 = edgekd_mve_depthwise_weights(weights, vld1q_u8(p->spread), 0x0777);
    const int8x16_t w01 = edgekd_mve_depthwise_weights(weights, vld1q_u8(p->spread + 16), 0x7770);
    const int32_t whole = last ? count - p->odd_lines : count;
    if (whole > 0) {
        /* The same one line further down: a byte further up in each word. */
        const int8x16_t w10 = vreinterpretq_s8_s32(vshlq_n_s32(vreinterpretq_s32_s8(w00), 8));
        const int8x16_t w11 = vreinterpretq_s8_s32(vshlq_n_s32(vreinterpretq_s32_s8(w01), 8));
        const uint32x4_t places = {0, (uint32_t)step, (uint32_t)line_step,
                                   (uint32_t)(line_step + step)};
        for (int32_t again = 0;; again = 1) {
            EDGEKD_MVE_DEPTHWISE_OPERANDS(
                first_cell + (again ? p->again : 0), first_target + (again ? p->output_again : 0),
                whole, of_channel, again ? &p->last_squares : &p->squares);
            if (sign)
                EDGEKD_MVE_DEPTHWISE_SQUARES(EDGEKD_MVE_DEPTHWISE_SIGN);
            else
                EDGEKD_MVE_DEPTHWISE_SQUARES("");
            if (again || p->again == 0)
                break;
        }
    }
    if (whole < count) {
        const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)step);
        EDGEKD_MVE_DEPTHWISE_OPERANDS(
            first_cell + whole * p->strip_bytes, first_target + 2 * whole * line_step, 1,
            of_channel, &p->row);
        if (sign)
            EDGEKD_MVE_DEPTHWISE_ROWS(EDGEKD_MVE_DEPTHWISE_LOADS_1, EDGEKD_MVE_DEPTHWISE_SIGN);
        else
            EDGEKD_MVE_DEPTHWISE_ROWS(EDGEKD_MVE_DEPTHWISE_LOADS_1, "");
    }
}
