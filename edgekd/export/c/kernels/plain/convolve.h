#include "common/requantize.h"
#include "common/clamp.h"
#include "common/int4.h"
/* Convolution, one output value at a time. Weights are [output channel][row][column][input
   channel of the group]. Elements outside the input hold its zero point, so they add nothing. */
struct edgekd_convolution {
    int16_t input_height, input_width, input_channels;
    int16_t output_height, output_width, output_channels;
    int16_t kernel_height, kernel_width, group_channels, group_outputs;
    int16_t stride_height, stride_width, dilation_height, dilation_width;
    int16_t padding_top, padding_left;
    int16_t input_zero_point, output_zero_point, minimum, maximum;
    const void *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
};

static inline int32_t edgekd_convolve_window(
    const struct edgekd_convolution *p, const int8_t *input, int32_t y, int32_t x, int32_t channel,
    const int32_t packed)
{
    const int32_t first = channel / p->group_outputs * p->group_channels;
    int32_t sum = p->bias[channel];
    int32_t weight = channel * p->kernel_height * p->kernel_width * p->group_channels;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const int32_t in_y = y * p->stride_height - p->padding_top + row * p->dilation_height;
        for (int32_t column = 0; column < p->kernel_width; ++column) {
            const int32_t in_x = x * p->stride_width - p->padding_left + column * p->dilation_width;
            if (in_y < 0 || in_y >= p->input_height || in_x < 0 || in_x >= p->input_width) {
                weight += p->group_channels;
                continue;
            }
            const int8_t *pixel = input + (in_y * p->input_width + in_x) * p->input_channels + first;
            for (int32_t i = 0; i < p->group_channels; ++i, ++weight) {
                const int32_t w = packed ? edgekd_int4((const uint8_t *)p->weights, weight)
                                         : ((const int8_t *)p->weights)[weight];
                sum += w * (pixel[i] - p->input_zero_point);
            }
        }
    }
    return sum;
}

static inline void edgekd_convolve(
    const struct edgekd_convolution *p, const int8_t *input, int8_t *output, const int32_t packed)
{
    for (int32_t y = 0; y < p->output_height; ++y) {
        for (int32_t x = 0; x < p->output_width; ++x) {
            for (int32_t channel = 0; channel < p->output_channels; ++channel) {
                const int32_t sum = edgekd_convolve_window(p, input, y, x, channel, packed);
                const int32_t scaled =
                    edgekd_requantize(sum, p->multiplier[channel], p->shift[channel]);
                *output++ = edgekd_clamp(scaled + p->output_zero_point, p->minimum, p->maximum);
            }
        }
    }
}
