#include <string.h>

/* Appends `words` times four values of three sources to columns of 16-bit values, a word of two
 * values for each source in turn: values 0 and 2 of the four, then 1 and 3. Reads at least one
 * word. The last one ends where a source ends, so that it may repeat values of the one before:
 * their weights are zero. */
static inline int32_t *edgekd_dsp_expand(const int8_t *const source[3], int32_t *columns,
                                         int32_t bytes)
{
    register const int8_t *r0 __asm__("r0") = source[0];
    register const int8_t *r1 __asm__("r1") = source[1];
    register const int8_t *r2 __asm__("r2") = source[2];
    register int32_t *r3 __asm__("r3") = columns;
    register int32_t r12 __asm__("r12") = bytes;

#define EDGEKD_DSP_EXPAND                                                                          \
    "ldr r8, [r0], #4\n\t"                                                                         \
    "ldr r9, [r1], #4\n\t"                                                                         \
    "ldr r10, [r2], #4\n\t"                                                                        \
    "sxtb16 r4, r8\n\t"                                                                            \
    "sxtb16 r5, r9\n\t"                                                                            \
    "sxtb16 r6, r10\n\t"                                                                           \
    "sxtb16 r8, r8, ror #8\n\t"                                                                    \
    "sxtb16 r9, r9, ror #8\n\t"                                                                    \
    "sxtb16 r10, r10, ror #8\n\t"                                                                  \
    "stm r3!, {r4, r5, r6, r8, r9, r10}\n\t"
    __asm__ volatile("subs r12, r12, #8\n\t"
                     "blt 2f\n\t"
                     "1:\n\t" EDGEKD_DSP_EXPAND EDGEKD_DSP_EXPAND "subs r12, r12, #8\n\t"
                     "bge 1b\n\t"
                     "2:\n\t"
                     "adds r12, r12, #4\n\t"
                     "blt 3f\n\t" EDGEKD_DSP_EXPAND "subs r12, r12, #4\n\t"
                     "3:\n\t"
                     "adds r12, r12, #4\n\t"
                     "ble 4f\n\t"
                     "sub r12, r12, #4\n\t"
                     "add r0, r0, r12\n\t"
                     "add r1, r1, r12\n\t"
                     "add r2, r2, r12\n\t" EDGEKD_DSP_EXPAND "4:\n\t"
                     : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r12)
                     :
                     : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
    return r3;
}
