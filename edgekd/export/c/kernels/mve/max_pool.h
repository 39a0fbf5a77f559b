#include "plain/pool.h"
#include <arm_mve.h>
/* Largest value of each window, sixteen channels at a time. */
static __attribute__((noinline)) void edgekd_mve_max_pool(
    const struct edgekd_pool *p, const int8_t *input, int8_t *output)
{
    const int8x16_t minimum = vdupq_n_s8((int8_t)p->minimum);
    const int8x16_t maximum = vdupq_n_s8((int8_t)p->maximum);
    for (int32_t y = 0; y < p->output_height; ++y) {
        const int32_t top = edgekd_pool_start(y, p->stride_height, p->padding_top);
        const int32_t bottom = edgekd_pool_end(
            y, p->stride_height, p->padding_top, p->kernel_height, p->input_height);
        for (int32_t x = 0; x < p->output_width; ++x, output += p->channels) {
            const int32_t first = edgekd_pool_start(x, p->stride_width, p->padding_left);
            const int32_t end = edgekd_pool_end(
                x, p->stride_width, p->padding_left, p->kernel_width, p->input_width);
            for (int32_t channel = 0; channel < p->channels; channel += 16) {
                const mve_pred16_t active = vctp8q((uint32_t)(p->channels - channel));
                int8x16_t largest = minimum;
                for (int32_t row = top; row < bottom; ++row) {
                    const int8_t *at =
                        input + (row * p->input_width + first) * p->channels + channel;
                    for (int32_t column = first; column < end; ++column, at += p->channels)
                        largest = vmaxq_s8(largest, vldrbq_z_s8(at, active));
                }
                vstrbq_p_s8(output + channel, vminq_s8(largest, maximum), active);
            }
        }
    }
}
