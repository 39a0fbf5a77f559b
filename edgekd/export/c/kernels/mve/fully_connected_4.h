#include "mve/fully_connected.h"
/* Four sums: from the top byte on, the outputs. */
static inline int32x4_t edgekd_mve_fully_connected_scale(
    const struct edgekd_mve_fully_connected *p, int32x4_t sums)
{
    const int32x4_t high = vaddq_n_s32(vqdmulhq_n_s32(sums, p->multiplier), p->addend);
    const int32x4_t value = vshrq_n_s32(vqshlq_r_s32(high, p->shift), 24);
    return vminq_s32(vmaxq_s32(value, vdupq_n_s32(p->minimum)), vdupq_n_s32(p->maximum));
}

/* Four outputs at a time, of any number of inputs. Weights are [output][input]. */
static __attribute__((noinline)) void edgekd_mve_fully_connected_4(
    const struct edgekd_mve_fully_connected *p, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < p->rows; ++row, input += p->inputs) {
        for (int32_t i = 0; i < p->outputs; i += 4) {
            const int32_t left = p->outputs - i;
            const int8_t *weights = p->weights + i * p->inputs;
            /* Beyond the last output, that one is computed again and not stored. */
            const struct {
                const int8_t *input, *weights[4];
                int32_t inputs;
                const int32_t *bias;
            } block = {input,
                       {weights, weights + (left > 1 ? p->inputs : 0),
                        weights + (left > 2 ? 2 * p->inputs : 0),
                        weights + (left > 3 ? 3 * p->inputs : 0)},
                       p->inputs, p->bias + i};
            int32x4_t sums;
            __asm__ volatile(
                "ldm %[block], {r1, r3, r5, r8, r9, r10, r11}\n"
                "ldm r11, {r0, r2, r4, r6}\n"
                "dlstp.8 lr, r10\n"
                "1: vldrb.u8 q0, [r1], #16\n"
                "vldrb.u8 q1, [r3], #16\n"
                "vmladava.s8 r0, q0, q1\n"
                "vldrb.u8 q2, [r5], #16\n"
                "vmladava.s8 r2, q0, q2\n"
                "vldrb.u8 q1, [r8], #16\n"
                "vmladava.s8 r4, q0, q1\n"
                "vldrb.u8 q2, [r9], #16\n"
                "vmladava.s8 r6, q0, q2\n"
                "letp lr, 1b\n"
                "vmov %q[sums][2], %q[sums][0], r0, r4\n"
                "vmov %q[sums][3], %q[sums][1], r2, r6\n"
                : [sums] "=w"(sums)
                : [block] "r"(&block)
                : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "lr", "q0",
                  "q1", "q2", "memory");
            vstrbq_p_s32(
                output, edgekd_mve_fully_connected_scale(p, sums), vctp32q((uint32_t)left));
            output += left < 4 ? left : 4;
        }
    }
}
