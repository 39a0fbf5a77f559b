#include "plain/pool.h"
#include "common/clamp.h"
#include <arm_mve.h>
/* Mean of windows of at most 256 pixels, rounded half away from zero: eight channels at a time, in
   16 bits. */
static inline int16x8_t edgekd_mve_pool_sum(
    const int8_t *pixel, int32_t rows, int32_t columns, int32_t step, int32_t row_step,
    mve_pred16_t active)
{
    int16x8_t sum = vdupq_n_s16(0);
    for (; rows > 0; --rows, pixel += row_step) {
        const int8_t *at = pixel;
        for (int32_t column = columns; column > 0; --column, at += step)
            sum = vaddq_s16(sum, vldrbq_z_s16(at, active));
    }
    return sum;
}

static __attribute__((noinline)) void edgekd_mve_average_pool(
    const struct edgekd_pool *p, const int8_t *input, int8_t *output)
{
    for (int32_t y = 0; y < p->output_height; ++y) {
        const int32_t top = edgekd_pool_start(y, p->stride_height, p->padding_top);
        const int32_t bottom = edgekd_pool_end(
            y, p->stride_height, p->padding_top, p->kernel_height, p->input_height);
        for (int32_t x = 0; x < p->output_width; ++x) {
            const int32_t first = edgekd_pool_start(x, p->stride_width, p->padding_left);
            const int32_t end = edgekd_pool_end(
                x, p->stride_width, p->padding_left, p->kernel_width, p->input_width);
            const int32_t count = (bottom - top) * (end - first), half = count / 2;
            const int8_t *pixel = input + (top * p->input_width + first) * p->channels;
            for (int32_t channel = 0; channel < p->channels; channel += 8) {
                const int32_t left = p->channels - channel, lanes = left < 8 ? left : 8;
                int16_t sums[8];
                vst1q_s16(
                    sums, edgekd_mve_pool_sum(
                              pixel + channel, bottom - top, end - first, p->channels,
                              p->input_width * p->channels, vctp16q((uint32_t)left)));
                for (int32_t lane = 0; lane < lanes; ++lane) {
                    const int32_t sum = sums[lane] > 0 ? sums[lane] + half : sums[lane] - half;
                    *output++ = edgekd_clamp(sum / count, p->minimum, p->maximum);
                }
            }
        }
    }
}
