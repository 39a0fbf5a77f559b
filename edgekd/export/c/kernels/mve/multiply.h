#include <arm_mve.h>
/* Product of two tensors of one shape, rounded as a convolution's sum. */
struct edgekd_mve_multiply {
    int32_t count, left_zero_point, right_zero_point, multiplier, addend, shift;
    int32_t minimum, maximum;
};

static __attribute__((noinline)) void edgekd_mve_multiply(
    const struct edgekd_mve_multiply *p, const int8_t *left, const int8_t *right, int8_t *output)
{
    const int32x4_t minimum = vdupq_n_s32(p->minimum), maximum = vdupq_n_s32(p->maximum);
    for (int32_t i = 0; i < p->count; i += 4) {
        const mve_pred16_t active = vctp32q((uint32_t)(p->count - i));
        const int32x4_t a = vsubq_n_s32(vldrbq_z_s32(left + i, active), p->left_zero_point);
        const int32x4_t b = vsubq_n_s32(vldrbq_z_s32(right + i, active), p->right_zero_point);
        const int32x4_t high = vqrdmulhq_n_s32(vmulq_s32(a, b), p->multiplier);
        /* Half up becomes half away from zero. */
        const int32x4_t value = vaddq_n_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), p->addend);
        const int32x4_t byte = vshrq_n_s32(vqshlq_r_s32(value, p->shift), 24);
        vstrbq_p_s32(output + i, vminq_s32(vmaxq_s32(byte, minimum), maximum), active);
    }
}
