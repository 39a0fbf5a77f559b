/* The transform of one tile's window: B' d B with rows (1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0)
 * and (0, 1, 0, -1) of B', for each channel. Two channels are the halves of a word. With int8
 * values the results are at most 4 * 128, so that 16 bits hold them.
 *
 * `window` points at the 16 pixels, column by column. Results lie `stride` bytes from one position
 * to the next, and for every four channels 24 bytes further: the words of three tiles in turn.
 * Column by column goes through the stack; r0 is the channel, r1 where to write, r2 and r3 one and
 * three times the stride, lr the pixels. */
#define EDGEKD_DSP_WINOGRAD_COLUMN                                                                 \
    "ldm.w lr!, {r4, r5, r6, r7}\n\t"                                                              \
    "ldr r4, [r4, r0]\n\t"                                                                         \
    "ldr r5, [r5, r0]\n\t"                                                                         \
    "ldr r6, [r6, r0]\n\t"                                                                         \
    "ldr r7, [r7, r0]\n\t"                                                                         \
    "sxtb16 r8, r4\n\t"                                                                            \
    "sxtb16 r9, r5\n\t"                                                                            \
    "sxtb16 r10, r6\n\t"                                                                           \
    "sxtb16 r11, r7\n\t"                                                                           \
    "sxtb16 r4, r4, ror #8\n\t"                                                                    \
    "sxtb16 r5, r5, ror #8\n\t"                                                                    \
    "sxtb16 r6, r6, ror #8\n\t"                                                                    \
    "sxtb16 r7, r7, ror #8\n\t"                                                                    \
    "ssub16 r8, r8, r10\n\t"                                                                       \
    "sadd16 r12, r9, r10\n\t"                                                                      \
    "ssub16 r10, r10, r9\n\t"                                                                      \
    "ssub16 r11, r9, r11\n\t"                                                                      \
    "ssub16 r4, r4, r6\n\t"                                                                        \
    "sadd16 r9, r5, r6\n\t"                                                                        \
    "ssub16 r6, r6, r5\n\t"                                                                        \
    "ssub16 r7, r5, r7\n\t"                                                                        \
    "push.w {r4, r6, r7, r8, r9, r10, r11, r12}\n\t"

/* One row, channels 0 and 2 (`even`) or 1 and 3 (`odd`) of four: from column 3 down to 0 on the
 * stack, 32 bytes each, `at` within them. */
#define EDGEKD_DSP_WINOGRAD_ROW(at, to)                                                            \
    "ldr r4, [sp, #(96 + " at ")]\n\t"                                                             \
    "ldr r5, [sp, #(64 + " at ")]\n\t"                                                             \
    "ldr r6, [sp, #(32 + " at ")]\n\t"                                                             \
    "ldr r7, [sp, #(" at ")]\n\t"                                                                  \
    "ssub16 r4, r4, r6\n\t"                                                                        \
    "sadd16 r8, r5, r6\n\t"                                                                        \
    "ssub16 r6, r6, r5\n\t"                                                                        \
    "ssub16 r7, r5, r7\n\t"                                                                        \
    "str r4, [" to "]\n\t"                                                                         \
    "str r8, [" to ", r2]\n\t"                                                                     \
    "str r6, [" to ", r2, lsl #1]\n\t"                                                             \
    "str r7, [" to ", r3]\n\t"
#define EDGEKD_DSP_WINOGRAD_ROWS(even, odd)                                                        \
    EDGEKD_DSP_WINOGRAD_ROW(even, "r9") EDGEKD_DSP_WINOGRAD_ROW(odd, "r10")
#define EDGEKD_DSP_WINOGRAD_NEXT                                                                   \
    "add r9, r9, r2, lsl #2\n\t"                                                                   \
    "add r10, r10, r2, lsl #2\n\t"

static __attribute__((noinline)) void
edgekd_dsp_winograd_inputs(const int8_t *const window[16], int32_t channels, int8_t *to,
                           int32_t stride)
{
    register int32_t r0 __asm__("r0") = 0;
    register int8_t *r1 __asm__("r1") = to;
    register int32_t r2 __asm__("r2") = stride;
    register int32_t r3 __asm__("r3") = 3 * stride;
    register int32_t r12 __asm__("r12") = channels;
    register const int8_t *const *lr __asm__("lr") = window;
    __asm__ volatile(
        "push {r7, r12}\n\t" /* r7 may be the frame pointer, which a clobber must not name */
        "1:\n\t" EDGEKD_DSP_WINOGRAD_COLUMN EDGEKD_DSP_WINOGRAD_COLUMN EDGEKD_DSP_WINOGRAD_COLUMN
            EDGEKD_DSP_WINOGRAD_COLUMN
        "mov r9, r1\n\t"
        "add r10, r1, #12\n\t"
        EDGEKD_DSP_WINOGRAD_ROWS("12", "0") EDGEKD_DSP_WINOGRAD_NEXT
        EDGEKD_DSP_WINOGRAD_ROWS("28", "16") EDGEKD_DSP_WINOGRAD_NEXT
        EDGEKD_DSP_WINOGRAD_ROWS("20", "4") EDGEKD_DSP_WINOGRAD_NEXT
        EDGEKD_DSP_WINOGRAD_ROWS("24", "8")
        "add sp, sp, #128\n\t"
        "ldr r12, [sp, #4]\n\t"
        "sub lr, lr, #64\n\t"
        "add r1, r1, #24\n\t"
        "add r0, r0, #4\n\t"
        "cmp r0, r12\n\t"
        "blt 1b\n\t"
        "pop {r7, r12}\n\t"
        : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r12), "+r"(lr)
        :
        : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "cc", "memory");
}
