/* Three tiles of 2x2 output pixels by all output channels, two channels at a time. */
struct edgekd_dsp_winograd_tiles {
    const int16_t *weights;   /* for each two channels 16 positions: words of two values */
    const int32_t *outputs;   /* a channel: multiplier, addend, shift, four times the bias */
    const int8_t *inputs;     /* for each position a count, then words of tile 0, 1, 2, 0, 1 ... */
    const int8_t *end;        /* after the last channel of the third tile's first pixel */
    struct {
        int8_t *output;       /* first channel of the first pixel */
        int32_t right, below; /* bytes to the next pixel and row; 0 at the image's edge */
    } tile[3];
};

/* Each position is a product of matrices. r0 weights, r1 inputs, r7 rounds left, r8-r10 and r11,
 * r12, lr sums of two channels. A position's sums are pushed, so that position p lies at
 * 24 * (15 - p). Products may overflow on the way, as only the outputs must fit into 32 bits.
 * The count is the number of fours of words, two more where it is odd; 0 ends the positions. */
#define EDGEKD_DSP_WINOGRAD_LOAD                                                                   \
    "ldm.w r0!, {r2, r3}\n\t"                                                                      \
    "ldm.w r1!, {r4, r5, r6}\n\t"
#define EDGEKD_DSP_WINOGRAD_WORD                                                                   \
    EDGEKD_DSP_WINOGRAD_LOAD                                                                       \
    "smlad r8, r2, r4, r8\n\t"                                                                     \
    "smlad r11, r3, r4, r11\n\t"                                                                   \
    "smlad r9, r2, r5, r9\n\t"                                                                     \
    "smlad r12, r3, r5, r12\n\t"                                                                   \
    "smlad r10, r2, r6, r10\n\t"                                                                   \
    "smlad lr, r3, r6, lr\n\t"
#define EDGEKD_DSP_WINOGRAD_POSITIONS                                                              \
    "2:\n\t"                                                                                       \
    "ldr r7, [r1], #4\n\t"                                                                         \
    "lsrs r7, r7, #1\n\t"                                                                          \
    "beq 6f\n\t" EDGEKD_DSP_WINOGRAD_LOAD                                                          \
    "smuad r8, r2, r4\n\t"                                                                         \
    "smuad r11, r3, r4\n\t"                                                                        \
    "smuad r9, r2, r5\n\t"                                                                         \
    "smuad r12, r3, r5\n\t"                                                                        \
    "smuad r10, r2, r6\n\t"                                                                        \
    "smuad lr, r3, r6\n\t"                                                                         \
    "bcs 3f\n\t"                                                                                   \
    ".rept 4\n\t" EDGEKD_DSP_WINOGRAD_WORD ".endr\n\t"                                             \
    "3:\n\t"                                                                                       \
    ".rept 3\n\t" EDGEKD_DSP_WINOGRAD_WORD ".endr\n\t"                                             \
    "subs r7, r7, #1\n\t"                                                                          \
    "beq 5f\n\t"                                                                                   \
    "4:\n\t"                                                                                       \
    ".rept 8\n\t" EDGEKD_DSP_WINOGRAD_WORD ".endr\n\t"                                             \
    "subs r7, r7, #1\n\t"                                                                          \
    "bne 4b\n\t"                                                                                   \
    "5:\n\t"                                                                                       \
    "push.w {r8, r9, r10, r11, r12, lr}\n\t"                                                       \
    "b 2b\n\t"                                                                                     \
    "6:\n\t"

/* A' m A with rows (1, 1, 1, 0) and (0, 1, -1, -1) of A', four times the output. The bias is part
 * of the one position that all four pixels add. `sum`: which of a position's six, in bytes. */
#define EDGEKD_DSP_WINOGRAD_SUM(to, position, sum)                                                 \
    "ldr " to ", [sp, #(24 * (15 - " position ") + " sum ")]\n\t"
/* A row's two values into r7 and r5. */
#define EDGEKD_DSP_WINOGRAD_PAIR(first, second, third, fourth, sum)                                \
    EDGEKD_DSP_WINOGRAD_SUM("r5", second, sum)                                                     \
    EDGEKD_DSP_WINOGRAD_SUM("r6", third, sum)                                                      \
    EDGEKD_DSP_WINOGRAD_SUM("r7", first, sum)                                                      \
    "add r7, r7, r5\n\t"                                                                           \
    "add r7, r7, r6\n\t"                                                                           \
    "sub r5, r5, r6\n\t"                                                                           \
    EDGEKD_DSP_WINOGRAD_SUM("r6", fourth, sum)                                                     \
    "sub r5, r5, r6\n\t"
#define EDGEKD_DSP_WINOGRAD_OUTPUTS(sum)                                                           \
    EDGEKD_DSP_WINOGRAD_SUM("r8", "0", sum)                                                        \
    EDGEKD_DSP_WINOGRAD_SUM("r5", "1", sum)                                                        \
    EDGEKD_DSP_WINOGRAD_SUM("r6", "2", sum)                                                        \
    EDGEKD_DSP_WINOGRAD_SUM("r7", "3", sum)                                                        \
    "add r8, r8, r5\n\t"                                                                           \
    "add r8, r8, r6\n\t"                                                                           \
    "sub r9, r5, r6\n\t"                                                                           \
    "sub r9, r9, r7\n\t"                                                                           \
    EDGEKD_DSP_WINOGRAD_SUM("r10", "4", sum)                                                       \
    EDGEKD_DSP_WINOGRAD_SUM("r5", "5", sum)                                                        \
    EDGEKD_DSP_WINOGRAD_SUM("r6", "6", sum)                                                        \
    EDGEKD_DSP_WINOGRAD_SUM("r7", "7", sum)                                                        \
    "add r5, r5, lr\n\t"                                                                           \
    "add r10, r10, r5\n\t"                                                                         \
    "add r10, r10, r6\n\t"                                                                         \
    "sub r11, r5, r6\n\t"                                                                          \
    "sub r11, r11, r7\n\t"                                                                         \
    "add r8, r8, r10\n\t"                                                                          \
    "add r9, r9, r11\n\t"                                                                          \
    EDGEKD_DSP_WINOGRAD_PAIR("8", "9", "10", "11", sum)                                           \
    "add r8, r8, r7\n\t"                                                                           \
    "add r9, r9, r5\n\t"                                                                           \
    "sub r10, r10, r7\n\t"                                                                         \
    "sub r11, r11, r5\n\t"                                                                         \
    EDGEKD_DSP_WINOGRAD_PAIR("12", "13", "14", "15", sum)                                         \
    "sub r10, r10, r7\n\t"                                                                         \
    "sub r11, r11, r5\n\t"

/* The last pixel first: where an edge makes two the same, the right one is written last.
 * `tile`: its place in the struct. */
#define EDGEKD_DSP_WINOGRAD_TILE(tile, sum, requantize)                                            \
    EDGEKD_DSP_WINOGRAD_OUTPUTS(sum)                                                               \
    requantize("r8") requantize("r9") requantize("r10") requantize("r11")                          \
    "ldr r5, [r12, #(" tile ")]\n\t"                                                               \
    "ldrd r6, r7, [r12, #(" tile " + 4)]\n\t"                                                      \
    "add r7, r7, r5\n\t"                                                                           \
    "strb r11, [r7, r6]\n\t"                                                                       \
    "strb r10, [r7]\n\t"                                                                           \
    "strb r9, [r5, r6]\n\t"                                                                        \
    "strb r8, [r5], #1\n\t"                                                                        \
    "str r5, [r12, #(" tile ")]\n\t"

/* r0 weights, r1 constants of outputs, r2-r4 and lr those of a channel, r12 the struct. */
#define EDGEKD_DSP_WINOGRAD(tiles, requantize)                                                     \
    do {                                                                                           \
        register struct edgekd_dsp_winograd_tiles *r0 __asm__("r0") = tiles;                       \
        __asm__ volatile("push {r0, r7}\n\t" /* r7: see dsp/tile.h */                              \
                         "mov r12, r0\n\t"                                                         \
                         "ldr r0, [r12]\n\t"                                                       \
                         "1:\n\t"                                                                  \
                         "ldr r1, [r12, #8]\n\t"                                                   \
                         EDGEKD_DSP_WINOGRAD_POSITIONS                                             \
                         "ldr r12, [sp, #384]\n\t"                                                 \
                         "ldr r1, [r12, #4]\n\t"                                                   \
                         "ldm r1!, {r2, r3, r4, lr}\n\t"                                           \
                         EDGEKD_DSP_WINOGRAD_TILE("16", "0", requantize)                           \
                         EDGEKD_DSP_WINOGRAD_TILE("28", "4", requantize)                           \
                         EDGEKD_DSP_WINOGRAD_TILE("40", "8", requantize)                           \
                         "ldm r1!, {r2, r3, r4, lr}\n\t"                                           \
                         EDGEKD_DSP_WINOGRAD_TILE("16", "12", requantize)                          \
                         EDGEKD_DSP_WINOGRAD_TILE("28", "16", requantize)                          \
                         EDGEKD_DSP_WINOGRAD_TILE("40", "20", requantize)                          \
                         "str r1, [r12, #4]\n\t"                                                   \
                         "ldr r6, [r12, #12]\n\t"                                                  \
                         "add sp, sp, #384\n\t"                                                    \
                         "cmp r5, r6\n\t"                                                          \
                         "bne 1b\n\t"                                                              \
                         "pop {r0, r7}\n\t"                                                        \
                         : "+r"(r0)                                                                \
                         :                                                                         \
                         : "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12",    \
                           "lr", "cc", "memory");                                                  \
    } while (0)
