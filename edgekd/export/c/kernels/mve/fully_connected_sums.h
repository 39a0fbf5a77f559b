#include "mve/fully_connected.h"
/* Sums of four outputs of any number of inputs. Weights are [output][input]. Beyond the last
   output, the first of the four is computed again. */
static inline int32x4_t edgekd_mve_fully_connected_sums(
    const struct edgekd_mve_fully_connected *p, const int8_t *input, int32_t output)
{
    const int32_t left = p->outputs - output, inputs = p->inputs;
    const int8_t *weights = p->weights + output * inputs;
    const struct {
        const int8_t *input, *weights[4];
        int32_t inputs;
        const int32_t *bias;
    } block = {input,
               {weights, weights + (left > 1 ? inputs : 0), weights + (left > 2 ? 2 * inputs : 0),
                weights + (left > 3 ? 3 * inputs : 0)},
               inputs, p->bias + output};
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
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "lr", "q0", "q1",
          "q2", "memory");
    return sums;
}

/* From values times 2^24 to outputs. */
static inline void edgekd_mve_fully_connected_store(
    const struct edgekd_mve_fully_connected *p, int32x4_t values, int8_t *output, int32_t left)
{
    const int32x4_t bytes = vmaxq_s32(vshrq_n_s32(values, 24), vdupq_n_s32(p->minimum));
    vstrbq_p_s32(
        output, vminq_s32(bytes, vdupq_n_s32(p->maximum)), vctp32q((uint32_t)left));
}
