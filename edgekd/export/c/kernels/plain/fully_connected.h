#include "common/requantize_once.h"
#include "common/clamp.h"
#include "common/int4.h"
/* Fully connected layer over `rows` inputs. Weights are [output][input]; the input's zero point is
   folded into the bias. */
struct edgekd_fully_connected {
    int32_t rows, inputs, outputs;
    int16_t packed, output_zero_point, minimum, maximum;
    const void *weights;
    const int32_t *bias;
    const int32_t *multiplier;
    const int8_t *shift;
};

static __attribute__((noinline)) void edgekd_fully_connected(
    const struct edgekd_fully_connected *p, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < p->rows; ++row, input += p->inputs) {
        int32_t weight = 0;
        for (int32_t i = 0; i < p->outputs; ++i) {
            int32_t sum = p->bias[i];
            for (int32_t k = 0; k < p->inputs; ++k, ++weight) {
                const int32_t w = p->packed ? edgekd_int4((const uint8_t *)p->weights, weight)
                                            : ((const int8_t *)p->weights)[weight];
                sum += w * input[k];
            }
            const int32_t scaled = edgekd_requantize_once(sum, p->multiplier[i], p->shift[i]);
            *output++ = edgekd_clamp(scaled + p->output_zero_point, p->minimum, p->maximum);
        }
    }
}
