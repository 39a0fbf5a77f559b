#include <string.h>
#include "dsp/order.h"
#include "plain/pool.h"

/* Part of an input row that lies in a window, and how many of these rows there are. */
struct edgekd_dsp_pool_window {
    const int8_t *input;
    int32_t rows, row_bytes;    /* from a row to the next */
    int32_t columns, channels;
    uint32_t minimum, maximum;  /* four times */
};

/* Some words of channels, so that they share the way through the window. */
static inline void edgekd_dsp_pool_words(const struct edgekd_dsp_pool_window *window,
                                         int32_t channel, int8_t *output, const int words)
{
    uint32_t largest[4], four;
    const int8_t *row = window->input + channel;
#pragma GCC unroll 4
    for (int i = 0; i < words; i++) {
        largest[i] = window->minimum;
    }
    for (int32_t rows = window->rows; rows > 0; rows--, row += window->row_bytes) {
        const int8_t *at = row;
        for (int32_t columns = window->columns; columns > 0; columns--, at += window->channels) {
#pragma GCC unroll 4
            for (int i = 0; i < words; i++) {
                memcpy(&four, at + 4 * i, 4);
                largest[i] = edgekd_dsp_larger(largest[i], four);
            }
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < words; i++) {
        four = edgekd_dsp_smaller(largest[i], window->maximum);
        memcpy(output + channel + 4 * i, &four, 4);
    }
}

/* MAX_POOL_2D of at least four channels: sixteen at a time, then four. The last four end where the
 * channels end, so that they may be computed twice. */
static __attribute__((noinline)) void
edgekd_dsp_max_pool(const struct edgekd_pool *p, const int8_t *input, int8_t *output)
{
    const int32_t channels = p->channels, row_bytes = p->input_width * channels;
    struct edgekd_dsp_pool_window window = {
        0, 0, row_bytes, 0, channels, edgekd_dsp_four(p->minimum), edgekd_dsp_four(p->maximum)};
    for (int32_t y = 0; y < p->output_height; y++) {
        const int32_t top = edgekd_pool_start(y, p->stride_height, p->padding_top);
        window.rows = edgekd_pool_end(y, p->stride_height, p->padding_top, p->kernel_height,
                                      p->input_height) - top;
        for (int32_t x = 0; x < p->output_width; x++, output += channels) {
            const int32_t left = edgekd_pool_start(x, p->stride_width, p->padding_left);
            window.columns = edgekd_pool_end(x, p->stride_width, p->padding_left, p->kernel_width,
                                             p->input_width) - left;
            window.input = input + top * row_bytes + left * channels;
            int32_t channel = 0;
            for (; channel + 16 <= channels; channel += 16) {
                edgekd_dsp_pool_words(&window, channel, output, 4);
            }
            for (; channel + 4 <= channels; channel += 4) {
                edgekd_dsp_pool_words(&window, channel, output, 1);
            }
            if (channel < channels) {
                edgekd_dsp_pool_words(&window, channels - 4, output, 1);
            }
        }
    }
}
