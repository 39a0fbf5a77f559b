#include "mve/fully_connected_sums.h"
/* Four outputs at a time, one scale for all. */
static __attribute__((noinline)) void edgekd_mve_fully_connected_4(
    const struct edgekd_mve_fully_connected *p, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < p->rows; ++row, input += p->inputs, output += p->outputs) {
        for (int32_t i = 0; i < p->outputs; i += 4) {
            const int32x4_t sums = edgekd_mve_fully_connected_sums(p, input, i);
            const int32x4_t high = vaddq_n_s32(vqdmulhq_n_s32(sums, p->multiplier), p->addend);
            edgekd_mve_fully_connected_store(
                p, vqshlq_r_s32(high, p->shift), output + i, p->outputs - i);
        }
    }
}
