#include <arm_mve.h>
#include "plain/rows.h"
/* Mean of the rows that numbers name, four columns at a time. */
struct edgekd_mve_embedding_mean {
    int32_t rows, width, count, offset, multiplier, addend, shift;
};

static __attribute__((noinline)) void edgekd_mve_embedding_mean(
    const struct edgekd_mve_embedding_mean *p, const int8_t *table, const int32_t *numbers,
    int8_t *output)
{
    for (int32_t j = 0; j < p->width; j += 4) {
        const mve_pred16_t active = vctp32q((uint32_t)(p->width - j));
        int32x4_t sum = vdupq_n_s32(p->offset);
        for (int32_t i = 0; i < p->count; ++i) {
            const int8_t *at = table + edgekd_row(numbers[i], p->rows) * p->width + j;
            sum = vaddq_s32(sum, vldrbq_z_s32(at, active));
        }
        const int32x4_t high = vqrdmulhq_n_s32(sum, p->multiplier);
        /* Half up becomes half away from zero. */
        const int32x4_t value = vaddq_n_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), p->addend);
        vstrbq_p_s32(output + j, vshrq_n_s32(vqshlq_r_s32(value, p->shift), 24), active);
    }
}
