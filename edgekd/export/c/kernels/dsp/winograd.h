#include <string.h>
#include "dsp/winograd_inputs.h"
#include "dsp/winograd_tiles.h"

struct edgekd_dsp_winograd {
    const int16_t *weights;
    const int32_t *outputs;
    int16_t input_height, input_width, input_channels;
    int16_t output_height, output_width, output_channels;
    int16_t padding_top, padding_left;
    int16_t zero_point; /* of the input */
    int16_t count;      /* see dsp/winograd_tiles.h */
    int32_t tiles;
};

/* The 16 pixels of a window, column by column; `zero` for those outside the image. */
static __attribute__((noinline)) void
edgekd_dsp_winograd_window(const struct edgekd_dsp_winograd *w, const int8_t *input, int32_t top,
                           int32_t left, const int8_t *zero, const int8_t *window[16])
{
    const int32_t channels = w->input_channels, row = w->input_width * channels;
    int32_t at = top * row + left * channels;
    for (int32_t x = left; x < left + 4; x++, window += 4, at += channels) {
        const int inside = x >= 0 && x < w->input_width;
#pragma GCC unroll 4
        for (int32_t y = 0; y < 4; y++) {
            const int is_pixel = inside && top + y >= 0 && top + y < w->input_height;
            window[y] = is_pixel ? input + at + y * row : zero;
        }
    }
}

/* CONV_2D of 3x3 with stride 1 by Winograd's F(2x2, 3x3): 16 products where 36 were, for each tile
 * of 2x2 pixels, input and output channel. Integers throughout: weights are transformed when the
 * code is generated, four times too large. (Lavin and Gray, "Fast algorithms for convolutional
 * neural networks", 2016.)
 *
 * `scratch`: the transformed windows of three tiles, then one pixel outside the image. The windows
 * of three tiles are read whole before their outputs are written. */
static __attribute__((noinline)) void
edgekd_dsp_winograd(const struct edgekd_dsp_winograd *w, const int8_t *input, int8_t *output,
                    void *scratch, void (*compute)(struct edgekd_dsp_winograd_tiles *))
{
    const int32_t stride = 4 + 6 * w->input_channels, row = w->output_width * w->output_channels;
    int8_t *const inputs = scratch, *const zero = inputs + 16 * stride + 4;
    int32_t x = 0, y = 0;

    memset(zero, w->zero_point, (size_t)w->input_channels);
    for (int32_t position = 0; position <= 16; position++) {
        const int32_t count = position < 16 ? w->count : 0;
        memcpy(inputs + position * stride, &count, 4);
    }
    for (int32_t left = w->tiles; left > 0; left -= 3) {
        struct edgekd_dsp_winograd_tiles tiles = {w->weights, w->outputs, inputs, 0, {{0, 0, 0}}};
        for (int32_t i = 0; i < 3; i++) {
            const int8_t *window[16];
            edgekd_dsp_winograd_window(w, input, y - w->padding_top, x - w->padding_left, zero,
                                       window);
            edgekd_dsp_winograd_inputs(window, w->input_channels, inputs + 4 + 4 * i, stride);
            tiles.tile[i].output = output + y * row + x * w->output_channels;
            tiles.tile[i].right = x + 1 < w->output_width ? w->output_channels : 0;
            tiles.tile[i].below = y + 1 < w->output_height ? row : 0;
            if (i + 1 >= left) {
                continue; /* the last tile is computed again */
            }
            x += 2;
            if (x >= w->output_width) {
                x = 0;
                y += 2;
            }
        }
        tiles.end = tiles.tile[2].output + w->output_channels;
        compute(&tiles);
    }
}
