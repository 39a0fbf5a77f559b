#include "mve/fully_connected.h"
/* Eight outputs at a time, both numbers whole: weights are [output / 8][input / 16][8][16]. No
   limits but those of int8. */
static __attribute__((noinline)) void edgekd_mve_fully_connected_8(
    const struct edgekd_mve_fully_connected *p, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < p->rows; ++row, input += p->inputs) {
        const int8_t *weights = p->weights;
        const int32_t *bias = p->bias;
        for (int32_t i = 0; i < p->outputs; i += 8, output += 8) {
            register const int8_t *at __asm__("r1") = weights;
            register const int8_t *from __asm__("r3") = input;
            register int32_t chunks __asm__("r5") = p->inputs / 16;
            register const int32_t *start __asm__("r9") = bias;
            register const int32_t *scale __asm__("r11") = &p->multiplier;
            int32x4_t low, high;
            __asm__ volatile(
                "ldm r9!, {r0, r2, r4, r6, r8, r10, r12, lr}\n"
                "1: vldrb.u8 q0, [r3], #16\n"
                "vldrb.u8 q1, [r1], #16\n"
                "vmladava.s8 r0, q0, q1\n"
                "vldrb.u8 q2, [r1], #16\n"
                "vmladava.s8 r2, q0, q2\n"
                "vldrb.u8 q1, [r1], #16\n"
                "vmladava.s8 r4, q0, q1\n"
                "vldrb.u8 q2, [r1], #16\n"
                "vmladava.s8 r6, q0, q2\n"
                "vldrb.u8 q1, [r1], #16\n"
                "vmladava.s8 r8, q0, q1\n"
                "vldrb.u8 q2, [r1], #16\n"
                "vmladava.s8 r10, q0, q2\n"
                "vldrb.u8 q1, [r1], #16\n"
                "vmladava.s8 r12, q0, q1\n"
                "vldrb.u8 q2, [r1], #16\n"
                "vmladava.s8 lr, q0, q2\n"
                "subs r5, r5, #1\n"
                "bne 1b\n"
                "vmov %q[low][2], %q[low][0], r0, r4\n"
                "vmov %q[low][3], %q[low][1], r2, r6\n"
                "vmov %q[high][2], %q[high][0], r8, r12\n"
                "vmov %q[high][3], %q[high][1], r10, lr\n"
                "ldm r11, {r0, r2, r4}\n"
                "vqdmulh.s32 %q[low], %q[low], r0\n"
                "vqdmulh.s32 %q[high], %q[high], r0\n"
                "vadd.i32 %q[low], %q[low], r2\n"
                "vadd.i32 %q[high], %q[high], r2\n"
                "vqshl.s32 %q[low], r4\n"
                "vqshl.s32 %q[high], r4\n"
                : "+r"(at), "+r"(from), "+r"(chunks), "+r"(start), [low] "=w"(low),
                  [high] "=w"(high)
                : "r"(scale)
                : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "cc",
                  "memory");
            weights = at;
            bias = start;
            vstrbq_s32(output, vshrq_n_s32(low, 24));
            vstrbq_s32(output + 4, vshrq_n_s32(high, 24));
        }
    }
}
