#include "common/requantize.h"
#include "common/clamp.h"
#include "common/int4.h"
/* Depthwise convolution, one output value at a time. Weights are [row][column][output channel];
   output channel i reads input channel i / depth_multiplier. */
struct edgekd_depthwise {
    int16_t input_height, input_width, input_channels;
    int16_t output_height, output_width, output_channels;
    int16_t kernel_height, kernel_width, depth_multiplier, packed;
    int16_t stride_height, stride_width, dilation_height, dilation_width;
    int16_t padding_top, padding_left;
    int16_t input_zero_point, output_zero_point, minimum, maximum;
    const void *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
};

static inline int32_t edgekd_depthwise_window(
    const struct edgekd_depthwise *p, const int8_t *input, int32_t y, int32_t x, int32_t channel)
{
    int32_t sum = p->bias[channel];
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const int32_t in_y = y * p->stride_height - p->padding_top + row * p->dilation_height;
        for (int32_t column = 0; column < p->kernel_width; ++column) {
            const int32_t in_x = x * p->stride_width - p->padding_left + column * p->dilation_width;
            if (in_y < 0 || in_y >= p->input_height || in_x < 0 || in_x >= p->input_width)
                continue;
            const int32_t weight = (row * p->kernel_width + column) * p->output_channels + channel;
            const int32_t w = p->packed ? edgekd_int4((const uint8_t *)p->weights, weight)
                                        : ((const int8_t *)p->weights)[weight];
            const int8_t *pixel = input + (in_y * p->input_width + in_x) * p->input_channels;
            sum += w * (pixel[channel / p->depth_multiplier] - p->input_zero_point);
        }
    }
    return sum;
}

static __attribute__((noinline)) void edgekd_depthwise(
    const struct edgekd_depthwise *p, const int8_t *input, int8_t *output)
{
    for (int32_t y = 0; y < p->output_height; ++y) {
        for (int32_t x = 0; x < p->output_width; ++x) {
            for (int32_t channel = 0; channel < p->output_channels; ++channel) {
                const int32_t sum = edgekd_depthwise_window(p, input, y, x, channel);
                const int32_t scaled =
                    edgekd_requantize(sum, p->multiplier[channel], p->shift[channel]);
                *output++ = edgekd_clamp(scaled + p->output_zero_point, p->minimum, p->maximum);
            }
        }
    }
}
