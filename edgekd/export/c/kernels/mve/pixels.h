#include "mve/group.h"
/* Output pixels, each the product of a contiguous input vector and a matrix. */
struct edgekd_mve_pixels {
    const int8_t *weights;
    const int32_t *channels;
    int32_t depth;                   /* bytes of an input vector */
    int32_t chunks, missing, active; /* as in a group */
    int32_t step, jump;              /* input bytes to the next pixel, and from a row's last one */
    int32_t output_channels, minimum, maximum;
};

typedef void edgekd_mve_group_kernel(const struct edgekd_mve_group *group);

/* An odd number of channels: the first pair stands alone, the others follow from channel 1. */
static void edgekd_mve_odd_channels(
    const struct edgekd_mve_pixels *p, struct edgekd_mve_group *group,
    edgekd_mve_group_kernel *kernel)
{
    group->channels += 8;
    group->weights += 2 * p->depth;
    group->output += 1;
    kernel(group);
    group->channels -= 8;
    group->weights -= 2 * p->depth;
    group->output -= 1;
}

static __attribute__((noinline)) void edgekd_mve_pixels(
    const struct edgekd_mve_pixels *p, const int8_t *input, int8_t *output, int32_t rows,
    int32_t width, edgekd_mve_group_kernel *kernel)
{
    const int32_t step = p->step, channels = p->output_channels;
    struct edgekd_mve_group group = {
        p->channels, output, {input, input, input, input}, p->chunks, p->missing, p->weights,
        p->active, {0, channels, 2 * channels, 3 * channels}, p->minimum, p->maximum};
    int32_t column = width;
    for (int32_t left = rows * width; left > 0; left -= 4, group.output += 4 * channels) {
        if (column >= 4) {
            group.pixel[0] = input - group.missing;
            group.pixel[1] = group.pixel[0] + step;
            group.pixel[2] = group.pixel[1] + step;
            group.pixel[3] = group.pixel[2] + step;
            column -= 4;
            input += 4 * step;
            if (column == 0) {
                column = width;
                input += p->jump - step;
            }
        } else {
            /* Beyond the last pixel, that one is computed and stored again. */
            for (int32_t i = 0; i < 4; ++i) {
                group.pixel[i] = input - group.missing;
                group.offset[i] = (i < left ? i : left - 1) * channels;
                if (i + 1 < left) {
                    input += --column == 0 ? p->jump : step;
                    column = column == 0 ? width : column;
                }
            }
        }
        kernel(&group);
        if (channels & 1)
            edgekd_mve_odd_channels(p, &group, kernel);
    }
}
