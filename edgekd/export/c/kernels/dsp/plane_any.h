#include <arm_acle.h>
#include <string.h>
#include "dsp/plane.h"
/* Kernels of up to EDGEKD_DSP_TAPS words of two weights, any stride: two neighbouring values of a
 * row and of the kernel's row at a time. A word of the plane may start at any halfword. */
#define EDGEKD_DSP_TAPS 64

static __attribute__((noinline)) void edgekd_dsp_plane_any(const struct edgekd_dsp_plane *p)
{
    int16x2_t kernel[EDGEKD_DSP_TAPS];
    const int32_t words = (p->kernel_width + 1) / 2;
    const int8_t *weight = p->weights;
    for (int32_t row = 0; row < p->kernel_height; row++) {
        for (int32_t i = 0; i < words; i++) {
            const int32_t low = *weight++ * p->factor;
            const int32_t high = 2 * i + 1 < p->kernel_width ? *weight++ * p->factor : 0;
            kernel[row * words + i] = (int16x2_t)((low & 0xffff) | (int32_t)((uint32_t)high << 16));
        }
    }
    const int8_t *top = (const int8_t *)p->plane;
    int8_t *line = p->output;
    for (int32_t y = 0; y < p->rows; y++, top += p->stride * p->pitch, line += p->output_row) {
        const int8_t *window = top;
        int8_t *output = line;
        for (int32_t x = 0; x < p->width; x++, window += 2 * p->stride, output += p->step) {
            const int16x2_t *taps = kernel;
            const int8_t *row = window;
            int32_t sum = p->bias[0];
            for (int32_t i = 0; i < p->kernel_height; i++, row += p->dilation_height * p->pitch) {
                const int8_t *at = row;
                for (int32_t j = words; j > 0; j--, at += 4) {
                    int16x2_t pair;
                    memcpy(&pair, at, 4);
                    sum = __smlad(pair, *taps++, sum);
                }
            }
            int32_t high;
            __asm__("smmlar %0, %1, %2, %3"
                    : "=r"(high)
                    : "r"(sum), "r"(p->multiplier), "r"(p->addend + (sum >> 31)));
            *output = (int8_t)__ssat(high >> p->shift, 8);
        }
    }
}
