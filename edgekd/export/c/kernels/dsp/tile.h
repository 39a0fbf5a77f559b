/* Three output pixels by all output channels, two channels at a time: what the kernels below share.
 *
 * All 14 registers are taken, so that one block of assembly holds the whole loop; what an output
 * needs once lies on the stack. LDM saves instructions more than cycles: N words take 1 + N. */
struct edgekd_dsp_tile {
    int8_t *output;         /* first channel of the first pixel */
    int32_t second;         /* bytes from the first pixel to the second, 0: the same pixel again */
    int32_t third;          /* bytes from the first pixel to the third */
    const int8_t *end;      /* after the last channel of the first pixel */
    const int32_t *outputs; /* for each two channels: two initial sums, then how to requantize */
    const int32_t *columns; /* words of two values: pixel 0, 1, 2, pixel 0, 1, 2 ... */
    int32_t blocks;         /* of four values in a column */
    const int16_t *weights; /* for each two channels: blocks */
};

/* Frame: 0 output, 4 second, 8 third, 12 end, 16 outputs, 20 columns, 24 bytes of weights in two
 * channels, 28 where to enter the loop, which is unrolled eight times.
 * r0 weights, r1 columns, r7 end of the weights, r8-r10 and r11, r12, lr sums of two channels.
 * `block_bytes`: of code; `scale`: binary logarithm of a block's bytes of weights. */
#define EDGEKD_DSP_TILE_BEGIN(block, block_bytes, scale)                                           \
    "push {r7}\n\t" /* may be the frame pointer, which a clobber must not name */                  \
    "ldm r0, {r1, r2, r3, r4, r5, r6, r8, r9}\n\t"                                                 \
    "mov r0, r9\n\t"                                                                               \
    "rsb r9, r8, #0\n\t"                                                                           \
    "and r9, r9, #7\n\t"                                                                           \
    "mov r10, #" block_bytes "\n\t"                                                                \
    "mul r9, r9, r10\n\t"                                                                          \
    "adr r10, 2f\n\t"                                                                              \
    "add r9, r9, r10\n\t"                                                                          \
    "orr r9, r9, #1\n\t" /* Thumb */                                                               \
    "lsl r8, r8, #" scale "\n\t"                                                                   \
    "push {r1, r2, r3, r4, r5, r6, r8, r9}\n\t"                                                    \
    "ldr r1, [sp, #16]\n\t"                                                                        \
    "1:\n\t"                                                                                       \
    "ldm r1!, {r8, r11}\n\t"                                                                       \
    "str r1, [sp, #16]\n\t"                                                                        \
    "ldr r1, [sp, #20]\n\t"                                                                        \
    "ldrd r3, r4, [sp, #24]\n\t"                                                                   \
    "mov r9, r8\n\t"                                                                               \
    "mov r10, r8\n\t"                                                                              \
    "mov r12, r11\n\t"                                                                             \
    "mov lr, r11\n\t"                                                                              \
    "add r7, r0, r3\n\t"                                                                           \
    "bx r4\n\t"                                                                                    \
    ".balign 4\n\t"                                                                                \
    "2:\n\t"                                                                                       \
    ".rept 8\n\t" block ".endr\n\t"                                                                \
    "cmp r0, r7\n\t"                                                                               \
    "bne 2b\n\t"                                                                                   \
    "ldr r1, [sp, #16]\n\t"

/* A pixel given twice is written twice, with the same value. */
#define EDGEKD_DSP_TILE_END                                                                        \
    "ldm.w sp, {r2, r3, r4, r5}\n\t"                                                               \
    "strb r9, [r2, r3]\n\t"                                                                        \
    "strb r10, [r2, r4]\n\t"                                                                       \
    "strb r8, [r2], #1\n\t"                                                                        \
    "strb r12, [r2, r3]\n\t"                                                                       \
    "strb lr, [r2, r4]\n\t"                                                                        \
    "strb r11, [r2], #1\n\t"                                                                       \
    "str r2, [sp]\n\t"                                                                             \
    "cmp r2, r5\n\t"                                                                               \
    "bne 1b\n\t"                                                                                   \
    "add sp, sp, #32\n\t"                                                                          \
    "pop {r7}\n\t"

#define EDGEKD_DSP_TILE(tile, begin, first, second)                                                \
    do {                                                                                           \
        register const struct edgekd_dsp_tile *r0 __asm__("r0") = tile;                            \
        __asm__ volatile(begin "ldm r1!, {r2, r3, r4}\n\t" first("r8") first("r9") first("r10")    \
                             "ldm r1!, {r2, r3, r4}\n\t" second("r11") second("r12")               \
                                 second("lr") EDGEKD_DSP_TILE_END                                  \
                         : "+r"(r0)                                                                \
                         :                                                                         \
                         : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12",    \
                           "lr", "cc", "memory");                                                  \
    } while (0)
