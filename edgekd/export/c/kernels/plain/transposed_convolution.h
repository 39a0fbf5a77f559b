#include "common/requantize.h"
#include "common/clamp.h"
/* Transposed convolution, gathered: which inputs would have been spread onto this output. Weights
   are [output channel][row][column][input channel]. */
struct edgekd_transposed_convolution {
    int16_t input_height, input_width, input_channels;
    int16_t output_height, output_width, output_channels;
    int16_t kernel_height, kernel_width, stride_height, stride_width;
    int16_t padding_top, padding_left;
    int16_t input_zero_point, output_zero_point, minimum, maximum;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
};

static inline int32_t edgekd_transposed_window(
    const struct edgekd_transposed_convolution *p, const int8_t *input, int32_t y, int32_t x,
    int32_t channel)
{
    const int8_t *weights =
        p->weights + channel * p->kernel_height * p->kernel_width * p->input_channels;
    int32_t sum = p->bias[channel];
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const int32_t from_y = y + p->padding_top - row;
        for (int32_t column = 0; column < p->kernel_width; ++column, weights += p->input_channels) {
            const int32_t from_x = x + p->padding_left - column;
            if (from_y < 0 || from_x < 0 || from_y % p->stride_height || from_x % p->stride_width)
                continue;
            const int32_t in_y = from_y / p->stride_height;
            const int32_t in_x = from_x / p->stride_width;
            if (in_y >= p->input_height || in_x >= p->input_width)
                continue;
            const int8_t *pixel = input + (in_y * p->input_width + in_x) * p->input_channels;
            for (int32_t i = 0; i < p->input_channels; ++i)
                sum += weights[i] * (pixel[i] - p->input_zero_point);
        }
    }
    return sum;
}

static __attribute__((noinline)) void edgekd_transposed_convolution(
    const struct edgekd_transposed_convolution *p, const int8_t *input, int8_t *output)
{
    for (int32_t y = 0; y < p->output_height; ++y) {
        for (int32_t x = 0; x < p->output_width; ++x) {
            for (int32_t channel = 0; channel < p->output_channels; ++channel) {
                const int32_t sum = edgekd_transposed_window(p, input, y, x, channel);
                const int32_t scaled =
                    edgekd_requantize(sum, p->multiplier[channel], p->shift[channel]);
                *output++ = edgekd_clamp(scaled + p->output_zero_point, p->minimum, p->maximum);
            }
        }
    }
}
