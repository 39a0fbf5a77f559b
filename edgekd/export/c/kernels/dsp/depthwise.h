#include <string.h>
#include "common/int4.h"
#include "dsp/plane.h"

/* DEPTHWISE_CONV_2D: sizes along a row (width) and across rows (height) of the planes, which
 * may lie along either axis of the image. Plane rows start with the padding. */
struct edgekd_dsp_depthwise {
    const int8_t *weights;  /* a kernel a channel */
    const int32_t *outputs; /* a channel: bias, multiplier, addend, factor and shift as halfwords */
    int32_t input_step, input_row, output_step, output_row; /* bytes */
    int16_t input_width, input_height;                      /* width: no more than is read */
    int16_t output_width, output_height;
    int16_t channels, stride, padding_top, padding_left;
    int16_t zero_point; /* of the input */
    int16_t strip;      /* rows of output that are computed at once */
    int16_t pitch;      /* bytes of a row of a plane */
    int16_t kernel_height, kernel_width, dilation_height;
    int16_t packed;     /* whether weights are 4-bit values, two to a byte: only 3x3 */
    int16_t advance;    /* bytes from the end of a row to the next one to read */
};

/* Two values of two neighbouring channels, made 16-bit values of each. */
static inline void edgekd_dsp_split_pair(const int8_t *left, const int8_t *right, int8_t *first,
                                         int8_t *second)
{
    uint16_t low, high;
    uint32_t even, odd;
    memcpy(&low, left, 2);
    memcpy(&high, right, 2);
    const uint32_t both = low | (uint32_t)high << 16;
    __asm__("sxtb16 %0, %1" : "=r"(even) : "r"(both));
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(both));
    memcpy(first, &even, 4);
    memcpy(second, &odd, 4);
}

/* One row of two neighbouring channels. */
static inline void edgekd_dsp_split(const int8_t *input, int32_t step, int32_t count, int8_t *first,
                                    int8_t *second)
{
    for (; count > 3; count -= 4, first += 8, second += 8) {
        edgekd_dsp_split_pair(input, input + step, first, second);
        input += 2 * step;
        edgekd_dsp_split_pair(input, input + step, first + 4, second + 4);
        input += 2 * step;
    }
    if (count > 1) {
        edgekd_dsp_split_pair(input, input + step, first, second);
        input += 2 * step;
        first += 4;
        second += 4;
    }
    if (count & 1) {
        const int16_t values[2] = {input[0], input[1]};
        memcpy(first, &values[0], 2);
        memcpy(second, &values[1], 2);
    }
}

static inline void edgekd_dsp_fill(int8_t *to, int32_t value, int32_t count)
{
    const int16_t stored = (int16_t)value;
    for (; count > 0; count--, to += 2) {
        memcpy(to, &stored, 2);
    }
}

/* The rows of two planes, `size` bytes apart, from `row` up to `end`; the first is the input's `y`.
 */
static inline void edgekd_dsp_load(const struct edgekd_dsp_depthwise *d, const int8_t *input,
                                   int32_t y, int8_t *row, const int8_t *end, int32_t size)
{
    for (; row < end; row += d->pitch, y++) {
        int8_t *const to = row + 2 * d->padding_left;
        if (y >= 0 && y < d->input_height) {
            edgekd_dsp_split(input + y * d->input_row, d->input_step, d->input_width, to,
                             to + size);
        } else if (d->strip < d->output_height) { /* or nothing was ever written there */
            edgekd_dsp_fill(to, d->zero_point, d->input_width);
            edgekd_dsp_fill(to + size, d->zero_point, d->input_width);
        }
    }
}

/* What one channel's plane is convolved with. */
static inline void edgekd_dsp_channel(const struct edgekd_dsp_depthwise *d, int32_t channel,
                                      int8_t unpacked[12], struct edgekd_dsp_plane *plane)
{
    const int32_t *const constants = d->outputs + 4 * channel;
    const int32_t taps = d->kernel_height * d->kernel_width;
    plane->bias[0] = plane->bias[1] = constants[0];
    plane->multiplier = constants[1];
    plane->addend = constants[2];
    plane->factor = constants[3] & 0xffff;
    plane->shift = constants[3] >> 16;
    plane->weights = d->weights + taps * channel;
    if (d->packed) {
        for (int32_t i = 0; i < taps; i++) {
            unpacked[i] = edgekd_int4((const uint8_t *)d->weights, taps * channel + i);
        }
        plane->weights = unpacked;
    }
}

/* Two channels at a time: rows of both are put into `scratch` as planes of 16-bit values, then
 * convolved. All rows of a strip are read before its outputs are written; rows that the next strip
 * needs again are kept. */
static __attribute__((noinline)) void
edgekd_dsp_depthwise(const struct edgekd_dsp_depthwise *d, const int8_t *input, int8_t *output,
                     void *scratch, void (*compute)(const struct edgekd_dsp_plane *))
{
    const int32_t span = (d->kernel_height - 1) * d->dilation_height + 1;
    const int32_t kept = d->stride < span ? span - d->stride : 0;
    const int32_t size = d->pitch * ((d->strip - 1) * d->stride + span);
    struct edgekd_dsp_plane plane = {
        .output_row = d->output_row,
        .step = d->output_step,
        .pairs_bytes = (d->output_width & ~1) * d->output_step,
        .odd = d->output_width & 1,
        .advance = d->advance,
        .pitch = d->pitch,
        .width = d->output_width,
        .stride = d->stride,
        .kernel_height = d->kernel_height,
        .kernel_width = d->kernel_width,
        .dilation_height = d->dilation_height,
    };
    int8_t unpacked[12]; /* 3x3, and what is read behind it */

    edgekd_dsp_fill(scratch, d->zero_point, size);
    for (int32_t channel = 0; channel < d->channels; channel += 2) {
        /* The last of an odd number is read beside the one before it. */
        const int32_t from = channel + 1 < d->channels ? channel : channel - 1;
        int32_t over = 0; /* bytes of rows that lie in the planes already */
        for (int32_t start = 0; start < d->output_height; start += d->strip) {
            const int32_t left = d->output_height - start;
            plane.rows = left < d->strip ? left : d->strip;
            const int32_t used = ((plane.rows - 1) * d->stride + span) * d->pitch;
            const int32_t y = start * d->stride - d->padding_top + (start ? kept : 0);
            edgekd_dsp_load(d, input + from, y, (int8_t *)scratch + over, (int8_t *)scratch + used,
                            size);
            for (int32_t i = channel; i < from + 2; i++) {
                edgekd_dsp_channel(d, i, unpacked, &plane);
                plane.plane =
                    (const int16_t *)(const void *)((int8_t *)scratch + (i - from) * size);
                plane.output = output + start * d->output_row + i;
                compute(&plane);
            }
            if (left > d->strip) {
                int8_t *const rest = (int8_t *)scratch + used - kept * d->pitch;
                over = kept * d->pitch;
                memmove(scratch, rest, (size_t)over);
                memmove((int8_t *)scratch + size, rest + size, (size_t)over);
            }
        }
    }
}
