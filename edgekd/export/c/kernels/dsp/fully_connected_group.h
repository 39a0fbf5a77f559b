/* Eight outputs of a fully connected layer at a time: what the kernels below share. */
struct edgekd_dsp_group {
    int8_t *output;
    const void *end;          /* of the input */
    const void *entry;        /* reserved */
    const int32_t *sums;      /* eight initial sums a group */
    const int32_t *outputs;   /* multiplier, addend, shift */
    int32_t step;             /* bytes from an output's three to the next one's, 0: shared */
    const void *input;
    int32_t groups;
    const int16_t *weights;   /* of groups, for each four inputs in turn */
    int32_t blocks;           /* of four inputs */
};

/* Frame: as the struct, up to the groups left.
 * r0 weights, r1 input, r4-r11 sums, r12 and lr four inputs as 16-bit values. */
/* Rounded once: all constants are one addend. */
#define EDGEKD_DSP_GROUP_OUTPUT(sum)                                                               \
    "ldm r1, {r2, r3, r12}\n\t"                                                                    \
    "smmla " sum ", " sum ", r2, r3\n\t"                                                           \
    "ldr r2, [sp, #20]\n\t"                                                                        \
    "asr " sum ", " sum ", r12\n\t"                                                                \
    "ssat " sum ", #8, " sum "\n\t"                                                                \
    "strb " sum ", [lr], #1\n\t"                                                                   \
    "add r1, r1, r2\n\t"

/* `block` takes four inputs and their weights; `bytes` is its code's size, with which the loop,
 * unrolled four times, is entered so that its last round is full. `outputs` follows the loop. */
#define EDGEKD_DSP_GROUP(group, block, bytes, outputs)                                             \
    do {                                                                                           \
        register const struct edgekd_dsp_group *r0 __asm__("r0") = group;                          \
        __asm__ volatile(                                                                          \
            "push {r7}\n\t" /* may be the frame pointer, which a clobber must not name */          \
            "ldm r0!, {r1, r2, r3, r4, r5, r6, r8, r9}\n\t"                                        \
            "ldrd r0, r10, [r0]\n\t"                                                               \
            "rsb r10, r10, #0\n\t"                                                                 \
            "and r10, r10, #3\n\t"                                                                 \
            "mov r11, #" bytes "\n\t"                                                              \
            "mul r10, r10, r11\n\t"                                                                \
            "adr r3, 2f\n\t"                                                                       \
            "add r3, r3, r10\n\t"                                                                  \
            "orr r3, r3, #1\n\t" /* Thumb */                                                       \
            "push {r1, r2, r3, r4, r5, r6, r8, r9}\n\t"                                            \
            "1:\n\t"                                                                               \
            "ldrd r3, r2, [sp, #8]\n\t"                                                            \
            "ldm r2!, {r4, r5, r6, r7, r8, r9, r10, r11}\n\t"                                      \
            "str r2, [sp, #12]\n\t"                                                                \
            "ldr r1, [sp, #24]\n\t"                                                                \
            "bx r3\n\t"                                                                            \
            ".balign 4\n\t"                                                                        \
            "2:\n\t"                                                                               \
            ".rept 4\n\t" block ".endr\n\t"                                                        \
            "ldr r2, [sp, #4]\n\t"                                                                 \
            "cmp r1, r2\n\t"                                                                       \
            "bne 2b\n\t"                                                                           \
            "ldr r1, [sp, #16]\n\t"                                                                \
            "ldr lr, [sp]\n\t" outputs "str r1, [sp, #16]\n\t"                                     \
            "ldr r2, [sp, #28]\n\t"                                                                \
            "str lr, [sp]\n\t"                                                                     \
            "subs r2, r2, #1\n\t"                                                                  \
            "str r2, [sp, #28]\n\t"                                                                \
            "bne 1b\n\t"                                                                           \
            "add sp, sp, #32\n\t"                                                                  \
            "pop {r7}\n\t"                                                                         \
            : "+r"(r0)                                                                             \
            :                                                                                      \
            : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc",     \
              "memory");                                                                           \
    } while (0)
