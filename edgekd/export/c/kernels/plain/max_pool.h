#include "plain/pool.h"
static __attribute__((noinline)) void edgekd_max_pool(
    const struct edgekd_pool *p, const int8_t *input, int8_t *output)
{
    for (int32_t y = 0; y < p->output_height; ++y) {
        const int32_t top = edgekd_pool_start(y, p->stride_height, p->padding_top);
        const int32_t bottom = edgekd_pool_end(
            y, p->stride_height, p->padding_top, p->kernel_height, p->input_height);
        for (int32_t x = 0; x < p->output_width; ++x) {
            const int32_t left = edgekd_pool_start(x, p->stride_width, p->padding_left);
            const int32_t right = edgekd_pool_end(
                x, p->stride_width, p->padding_left, p->kernel_width, p->input_width);
            for (int32_t channel = 0; channel < p->channels; ++channel) {
                int32_t largest = INT8_MIN;
                for (int32_t row = top; row < bottom; ++row) {
                    for (int32_t column = left; column < right; ++column) {
                        const int32_t value =
                            input[(row * p->input_width + column) * p->channels + channel];
                        largest = value > largest ? value : largest;
                    }
                }
                *output++ = edgekd_clamp(largest, p->minimum, p->maximum);
            }
        }
    }
}
