#include "dsp/plane.h"
/* 3x3, two neighbouring outputs at a time.
 *
 * With the words (a, b) and (c, d) of a row and the kernel's row (k, l, m) as (k, l) and (l, m):
 * output 0 = (a, b).(k, l) + c * m, output 1 = (c, d).(l, m) + b * k: SMLAD, SMLABT, SMLAD, SMLATB.
 * The kernel's six words stay in registers, already shifted as requantization wants it. */
/* Registers: r0-r5 the kernel, r6-r7 sums, r8-r10 three rows, r11-r12 words, lr output. */
#define EDGEKD_DSP_PLANE_KERNEL(low, high)                                                         \
    "ldr r6, [r11], #3\n\t"                                                                        \
    "sxtb16 r7, r6\n\t"                                                                            \
    "sxtb16 r6, r6, ror #8\n\t"                                                                    \
    "smulbb " low ", r7, r12\n\t"                                                                  \
    "smulbb " high ", r6, r12\n\t"                                                                 \
    "smultb r7, r7, r12\n\t"                                                                       \
    "pkhbt " low ", " low ", " high ", lsl #16\n\t"                                                \
    "pkhbt " high ", " high ", r7, lsl #16\n\t"

#define EDGEKD_DSP_PLANE_ROW_1(row, low, high)                                                     \
    "ldrd r11, r12, [" row "], #4\n\t"                                                             \
    "smlad r6, r11, " low ", r6\n\t"                                                               \
    "smlad r7, r12, " high ", r7\n\t"                                                              \
    "smlabt r6, r12, " high ", r6\n\t"                                                             \
    "smlatb r7, r11, " low ", r7\n\t"

#define EDGEKD_DSP_PLANE_ROW_2(row, low, high)                                                     \
    "ldrd r11, r12, [" row "], #8\n\t"                                                             \
    "smlad r6, r11, " low ", r6\n\t"                                                               \
    "ldr r11, [" row "]\n\t"                                                                       \
    "smlad r7, r12, " low ", r7\n\t"                                                               \
    "smlabt r6, r12, " high ", r6\n\t"                                                             \
    "smlabt r7, r11, " high ", r7\n\t"

/* Sums are scaled so that every channel ends in the same shift; see edgekd_dsp_tile_joint_relu. */
#define EDGEKD_DSP_PLANE_RELU                                                                      \
    "ldrd r11, r12, [sp, #16]\n\t"                                                                 \
    "smmla r6, r6, r11, r12\n\t"                                                                   \
    "smmla r7, r7, r11, r12\n\t"                                                                   \
    "ssat r6, #8, r6, asr #10\n\t"                                                                 \
    "ssat r7, #8, r7, asr #10\n\t"

/* Sums are doubled; see edgekd_dsp_tile_joint_signed. */
#define EDGEKD_DSP_PLANE_SIGNED                                                                    \
    "ldrd r11, r12, [sp, #16]\n\t"                                                                 \
    "add r12, r12, r6, asr #31\n\t"                                                                \
    "smmlar r6, r6, r11, r12\n\t"                                                                  \
    "ldr r12, [sp, #20]\n\t"                                                                       \
    "add r12, r12, r7, asr #31\n\t"                                                                \
    "smmlar r7, r7, r11, r12\n\t"                                                                  \
    "ldr r12, [sp, #24]\n\t"                                                                       \
    "asr r6, r6, r12\n\t"                                                                          \
    "asr r7, r7, r12\n\t"                                                                          \
    "ssat r6, #8, r6\n\t"                                                                          \
    "ssat r7, #8, r7\n\t"

/* The last output of an odd row goes through the loop once more with a step of 0: the second
 * output, which does not exist, is written first and overwritten by the one that does. */
#define EDGEKD_DSP_PLANE(structure, row, requantize)                                               \
    do {                                                                                           \
        register const struct edgekd_dsp_plane *r0 __asm__("r0") = structure;                      \
        __asm__ volatile(                                                                          \
            "push {r7}\n\t" /* may be the frame pointer, which a clobber must not name */          \
            "add r1, r0, #28\n\t"                                                                  \
            "ldm r1, {r2, r3, r4, r5, r6, r8, r9}\n\t"                                             \
            "push {r2, r3, r4, r5, r6, r8, r9}\n\t"                                                \
            "ldm r0, {r2, r3, r4, r5, r6, r8, r9}\n\t"                                             \
            "push {r2, r3, r4, r5, r6, r8, r9}\n\t"                                                \
            "ldrd r8, r10, [r0, #64]\n\t"                                                          \
            "add r9, r8, r10\n\t"                                                                  \
            "add r10, r9, r10\n\t"                                                                 \
            "ldrd r11, r12, [r0, #56]\n\t" EDGEKD_DSP_PLANE_KERNEL("r0", "r1")                     \
                EDGEKD_DSP_PLANE_KERNEL("r2", "r3") EDGEKD_DSP_PLANE_KERNEL("r4", "r5")            \
            "1:\n\t"                                                                               \
            "ldr lr, [sp, #28]\n\t"                                                                \
            "ldrd r11, r12, [sp, #40]\n\t"                                                         \
            "add r12, r12, lr\n\t"                                                                 \
            "strd r11, r12, [sp]\n\t"                                                              \
            "cmp r12, lr\n\t"                                                                      \
            "beq 3f\n\t"                                                                           \
            "2:\n\t"                                                                               \
            "ldrd r6, r7, [sp, #8]\n\t" row("r8", "r0", "r1") row("r9", "r2", "r3")                \
                row("r10", "r4", "r5") requantize                                                  \
            "ldrd r11, r12, [sp]\n\t"                                                              \
            "strb r7, [lr, r11]\n\t"                                                               \
            "strb r6, [lr]\n\t"                                                                    \
            "add lr, lr, r11, lsl #1\n\t"                                                          \
            "cmp lr, r12\n\t"                                                                      \
            "bne 2b\n\t"                                                                           \
            "cmp r11, #0\n\t"                                                                      \
            "beq 4f\n\t"                                                                           \
            "3:\n\t"                                                                               \
            "ldr r12, [sp, #48]\n\t"                                                               \
            "cmp r12, #0\n\t"                                                                      \
            "beq 4f\n\t"                                                                           \
            "mov r11, #0\n\t"                                                                      \
            "strd r11, lr, [sp]\n\t"                                                               \
            "b 2b\n\t"                                                                             \
            "4:\n\t"                                                                               \
            "ldrd r11, r12, [sp, #28]\n\t"                                                         \
            "add r11, r11, r12\n\t"                                                                \
            "ldr r12, [sp, #36]\n\t"                                                               \
            "str r11, [sp, #28]\n\t"                                                               \
            "ldr r11, [sp, #52]\n\t"                                                               \
            "add r8, r8, r11\n\t"                                                                  \
            "add r9, r9, r11\n\t"                                                                  \
            "add r10, r10, r11\n\t"                                                                \
            "subs r12, r12, #1\n\t"                                                                \
            "str r12, [sp, #36]\n\t"                                                               \
            "bne 1b\n\t"                                                                           \
            "add sp, sp, #56\n\t"                                                                  \
            "pop {r7}\n\t"                                                                         \
            : "+r"(r0)                                                                             \
            :                                                                                      \
            : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc",     \
              "memory");                                                                           \
    } while (0)
