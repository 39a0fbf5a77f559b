#include "mve/memory.h"
#include "mve/pixels.h"
/* Convolution by strips of output pixels. The input that a strip reads is copied to the scratch
   column by column: [column][kernel row][channel], so that the window of each pixel is contiguous,
   and those of neighbours share what they have in common. */
struct edgekd_mve_convolution {
    struct edgekd_mve_pixels pixels;
    const uint8_t *offsets; /* of the bytes of a vector of input in the scratch, if it is narrow */
    int32_t lanes, skip;    /* how far a vector of input goes, and how far on in the scratch */
    int32_t column_bytes, block_bytes; /* of one column; of one row of a strip */
    int16_t input_height, input_width, input_channels;
    int16_t output_height, output_width;
    int16_t kernel_height, kernel_width, stride_height, stride_width, dilation_height;
    int16_t padding_top, padding_left, zero_point;
    int16_t rows, width; /* of a strip */
};

/* Copies `cells` neighbouring pixels, each to the next column. */
typedef void edgekd_mve_fill(
    const struct edgekd_mve_convolution *p, const int8_t *source, int8_t *cell, int32_t cells);

/* One output row's part of a strip. What was filled with zero points before stays so, but for rows
   beyond the image and narrow strips. */
static void edgekd_mve_fill_block(
    const struct edgekd_mve_convolution *p, const int8_t *input, int8_t *block, int32_t y,
    int32_t x, int32_t width, edgekd_mve_fill *fill)
{
    const int32_t first = x * p->stride_width - p->padding_left;
    const int32_t columns = (width - 1) * p->stride_width + p->kernel_width;
    const int32_t start = first < 0 ? -first : 0;
    const int32_t end = columns < p->input_width - first ? columns : p->input_width - first;
    const int32_t top = y * p->stride_height - p->padding_top;
    const int32_t bottom = top + (p->kernel_height - 1) * p->dilation_height;
    if (top < 0 || bottom >= p->input_height
        || (p->width < p->output_width && (start > 0 || end < columns)))
        edgekd_mve_set(block, p->zero_point, columns * p->column_bytes);
    if (end <= start)
        return;
    int8_t *cell = block + start * p->column_bytes;
    for (int32_t row = top; row <= bottom; row += p->dilation_height) {
        if (row >= 0 && row < p->input_height)
            fill(p, input + (row * p->input_width + first + start) * p->input_channels, cell,
                 end - start);
        cell += p->input_channels;
    }
}

static __attribute__((noinline)) void edgekd_mve_convolution(
    const struct edgekd_mve_convolution *p, const int8_t *input, int8_t *output, void *scratch,
    edgekd_mve_fill *fill, edgekd_mve_group_kernel *kernel)
{
    int8_t *strip = (int8_t *)scratch;
    edgekd_mve_set(strip, p->zero_point, p->rows * p->block_bytes);
    for (int32_t y = 0; y < p->output_height; y += p->rows) {
        const int32_t below = p->output_height - y;
        const int32_t rows = below < p->rows ? below : p->rows;
        for (int32_t x = 0; x < p->output_width; x += p->width) {
            const int32_t beyond = p->output_width - x;
            const int32_t width = beyond < p->width ? beyond : p->width;
            for (int32_t row = 0; row < rows; ++row)
                edgekd_mve_fill_block(
                    p, input, strip + row * p->block_bytes, y + row, x, width, fill);
            edgekd_mve_pixels(&p->pixels, strip, output, rows, width, kernel);
            output += rows * width * p->pixels.output_channels;
        }
    }
}
