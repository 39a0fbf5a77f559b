#include "mve/fully_connected_sums.h"
/* Four outputs at a time, each with a scale of its own. `scales` are, for each four outputs, their
   multipliers, addends and shifts. */
static __attribute__((noinline)) void edgekd_mve_fully_connected_channels(
    const struct edgekd_mve_fully_connected *p, const int32_t *scales, const int8_t *input,
    int8_t *output)
{
    for (int32_t row = 0; row < p->rows; ++row, input += p->inputs, output += p->outputs) {
        const int32_t *scale = scales;
        for (int32_t i = 0; i < p->outputs; i += 4, scale += 12) {
            const int32x4_t sums = edgekd_mve_fully_connected_sums(p, input, i);
            const int32x4_t high =
                vaddq_s32(vqdmulhq_s32(sums, vld1q_s32(scale)), vld1q_s32(scale + 4));
            edgekd_mve_fully_connected_store(
                p, vqshlq_s32(high, vld1q_s32(scale + 8)), output + i, p->outputs - i);
        }
    }
}
