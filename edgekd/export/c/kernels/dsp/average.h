#include "common/clamp.h"
#include "dsp/sums.h"
struct edgekd_dsp_average {
    int32_t channels, pixels, minimum, maximum;
};

/* AVERAGE_POOL_2D over a whole image, four channels at a time; channels are a multiple of four.
 * Rounded half away from zero. */
static __attribute__((noinline)) void
edgekd_dsp_average(const struct edgekd_dsp_average *a, const int8_t *input, int8_t *output)
{
    for (int32_t channel = 0; channel < a->channels; channel += 4) {
        int32_t sums[4];
        edgekd_dsp_sums(input + channel, a->channels, a->pixels, sums);
        for (int i = 0; i < 4; i++) {
            const int32_t half = sums[i] > 0 ? a->pixels / 2 : -(a->pixels / 2);
            *output++ = edgekd_clamp((sums[i] + half) / a->pixels, a->minimum, a->maximum);
        }
    }
}
