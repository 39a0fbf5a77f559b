#include <arm_acle.h>
/* Sum or difference of two tensors: one straight line over both inputs, which gives what TensorFlow
 * Lite's several roundings give for each of the 65,536 pairs (checked when the code is generated).
 */
struct edgekd_dsp_add {
    int32_t left, right, addend, shift;
    int32_t count;
};

static __attribute__((noinline)) void edgekd_dsp_add(const struct edgekd_dsp_add *a,
                                                     const int8_t *left, const int8_t *right,
                                                     int8_t *output)
{
    const int32_t by_left = a->left, by_right = a->right, addend = a->addend, shift = a->shift;
    int32_t count = a->count;
#define EDGEKD_DSP_ADD(i)                                                                          \
    output[i] = (int8_t)__ssat((addend + left[i] * by_left + right[i] * by_right) >> shift, 8)
    for (; count >= 4; count -= 4, left += 4, right += 4, output += 4) {
        EDGEKD_DSP_ADD(0);
        EDGEKD_DSP_ADD(1);
        EDGEKD_DSP_ADD(2);
        EDGEKD_DSP_ADD(3);
    }
    for (; count > 0; count--, left++, right++, output++) {
        EDGEKD_DSP_ADD(0);
    }
}
