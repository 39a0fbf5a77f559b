#include "dsp/columns.h"
#include "dsp/tile.h"

struct edgekd_dsp_convolution {
    const int16_t *weights;
    const int32_t *outputs;
    int16_t input_height, input_width, input_channels;
    int16_t output_width, output_channels;
    int16_t kernel_height, kernel_width;
    int16_t stride_height, stride_width;
    int16_t dilation_height, dilation_width;
    int16_t padding_top, padding_left;
    int16_t zero_point; /* of the input */
    int16_t block;      /* halfwords of weights for four values and two channels */
    int16_t run;        /* bytes of a row of the window, rounded up to words */
    int32_t pixels;     /* of the output */
};

static inline void edgekd_dsp_copy(int8_t *to, const int8_t *from, int32_t bytes)
{
    for (; bytes >= 4; bytes -= 4, to += 4, from += 4) {
        memcpy(to, from, 4);
    }
    for (; bytes > 0; bytes--) {
        *to++ = *from++;
    }
}

/* One row of a window that is not one run of bytes inside the input. */
static __attribute__((noinline)) const int8_t *
edgekd_dsp_gather(const struct edgekd_dsp_convolution *c, const int8_t *row, int32_t x,
                  const int8_t *zero, int8_t *gathered)
{
    const int32_t channels = c->input_channels;
    int8_t *to = gathered;
    if (c->dilation_width == 1) {
        const int32_t before = x < 0 ? -x : 0;
        const int32_t over = x + c->kernel_width - c->input_width;
        const int32_t after = over > 0 ? over : 0;
        const int32_t inside = c->kernel_width - before - after;
        if (inside <= 0) {
            return zero;
        }
        edgekd_dsp_copy(to, zero, before * channels);
        to += before * channels;
        edgekd_dsp_copy(to, row + (x + before) * channels, inside * channels);
        edgekd_dsp_copy(to + inside * channels, zero, after * channels);
        return gathered;
    }
    for (int32_t i = 0; i < c->kernel_width; i++, x += c->dilation_width, to += channels) {
        const int inside = x >= 0 && x < c->input_width;
        edgekd_dsp_copy(to, inside ? row + x * channels : zero, channels);
    }
    return gathered;
}

/* The windows of three pixels as columns, `start` and `top` their first column and row. */
static inline void edgekd_dsp_columns(const struct edgekd_dsp_convolution *c, const int8_t *input,
                                      const int32_t start[3], const int32_t top[3],
                                      const int8_t *zero, int8_t *gathered, int32_t *columns)
{
    /* What follows a run shorter than a word has weights of zero. */
    const int32_t exact = c->kernel_width * c->input_channels, bytes = exact < 4 ? 4 : exact;
    const int32_t row_bytes = c->input_width * c->input_channels;
    const int32_t step = c->dilation_height * row_bytes;
    const int32_t last = (c->kernel_height - 1) * c->dilation_height;
    const int whole = c->dilation_width == 1 && exact >= 4;
    const int32_t right = whole ? c->input_width - c->kernel_width : -1;
    const int8_t *source[3];
    int32_t row[3]; /* where a row of the window's image begins */
    int inside = 1;
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        row[i] = top[i] * row_bytes;
        inside &= start[i] >= 0 && start[i] <= right;
        inside &= top[i] >= 0 && top[i] + last < c->input_height;
    }
    if (inside) {
#pragma GCC unroll 3
        for (int i = 0; i < 3; i++) {
            source[i] = input + row[i] + start[i] * c->input_channels;
        }
        for (int32_t i = c->kernel_height; i > 0; i--) {
            columns = edgekd_dsp_expand(source, columns, bytes);
            source[0] += step;
            source[1] += step;
            source[2] += step;
        }
        return;
    }
    for (int32_t y = 0; y <= last; y += c->dilation_height) {
        for (int i = 0; i < 3; i++, gathered += c->run) {
            if (top[i] + y < 0 || top[i] + y >= c->input_height) {
                source[i] = zero;
            } else if (start[i] >= 0 && start[i] <= right) {
                source[i] = input + row[i] + start[i] * c->input_channels;
            } else {
                source[i] = edgekd_dsp_gather(c, input + row[i], start[i], zero, gathered);
            }
            row[i] += step;
        }
        gathered -= 3 * c->run;
        columns = edgekd_dsp_expand(source, columns, bytes);
    }
}

/* CONV_2D as a product of matrices, three output pixels at a time.
 *
 * `scratch`: a row of the window filled with the zero point, three gathered rows, then the columns
 * of three pixels as 16-bit values. A pixel's window is read whole before its outputs are written.
 */
static __attribute__((noinline)) void
edgekd_dsp_convolution(const struct edgekd_dsp_convolution *c, const int8_t *input, int8_t *output,
                       void *scratch, void (*compute)(const struct edgekd_dsp_tile *))
{
    int8_t *zero = scratch;
    int32_t *columns = (int32_t *)(void *)(zero + 4 * c->run);
    struct edgekd_dsp_tile tile = {.columns = columns, .blocks = c->kernel_height * (c->run / 4)};
    int32_t y = -c->padding_top, x = -c->padding_left;
    int32_t column = 0;

    memset(zero, c->zero_point, (size_t)c->run);
    for (int32_t left = c->pixels; left > 0; left -= 3, output += 3 * c->output_channels) {
        int32_t top[3], start[3];
#pragma GCC unroll 3
        for (int i = 0; i < 3; i++) {
            top[i] = y;
            start[i] = x;
            if (i + 1 < left) {
                x += c->stride_width;
                if (++column == c->output_width) {
                    column = 0;
                    x = -c->padding_left;
                    y += c->stride_height;
                }
            }
        }
        edgekd_dsp_columns(c, input, start, top, zero, zero + c->run, columns);
        tile.second = left > 1 ? c->output_channels : 0;
        tile.third = left > 2 ? 2 * c->output_channels : tile.second;
        tile.weights = c->weights;
        tile.outputs = c->outputs;
        tile.output = output;
        if (c->output_channels & 1) { /* channels 0 and 1, then 1 and 2, 3 and 4 ... */
            tile.end = output + 2;
            compute(&tile);
            tile.weights += c->block * tile.blocks;
            tile.outputs += 8;
            tile.output = output + 1;
        }
        tile.end = output + c->output_channels;
        compute(&tile);
    }
}
