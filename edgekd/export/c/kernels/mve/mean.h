#include <arm_mve.h>
/* Mean over the middle axis of [outer][count][inner], four values at a time. */
struct edgekd_mve_mean {
    int32_t outer, count, inner, offset, multiplier, addend, shift;
};

static __attribute__((noinline)) void edgekd_mve_mean(
    const struct edgekd_mve_mean *p, const int8_t *input, int8_t *output)
{
    for (int32_t i = 0; i < p->outer; ++i, input += p->count * p->inner) {
        for (int32_t j = 0; j < p->inner; j += 4) {
            const int32_t left = p->inner - j;
            const mve_pred16_t active = vctp32q((uint32_t)left);
            const int8_t *at = input + j;
            int32x4_t sum = vdupq_n_s32(p->offset);
            for (int32_t k = p->count; k > 0; --k, at += p->inner)
                sum = vaddq_s32(sum, vldrbq_z_s32(at, active));
            const int32x4_t high = vqrdmulhq_n_s32(sum, p->multiplier);
            /* Half up becomes half away from zero. */
            const int32x4_t value = vaddq_n_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), p->addend);
            vstrbq_p_s32(output, vshrq_n_s32(vqshlq_r_s32(value, p->shift), 24), active);
            output += left < 4 ? left : 4;
        }
    }
}
