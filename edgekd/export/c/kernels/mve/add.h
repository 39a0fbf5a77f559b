#include <arm_mve.h>
/* Sum or difference of two tensors of one shape: for 8-bit inputs all of TensorFlow Lite's
   roundings together are one plane, `left * left_factor + right * right_factor + addend`, whose
   top byte after a saturating shift is the output. The generator has checked every pair. */
struct edgekd_mve_add {
    int32_t count, left_factor, right_factor, addend, shift, minimum, maximum;
};

#define EDGEKD_MVE_ADD(clamp)                                                                      \
    __asm__ volatile(                                                                              \
        "ldm %[p], {r8-r12}\n"                                                                     \
        "dlstp.32 lr, r8\n"                                                                        \
        "1: vldrb.s32 q0, [%[left]], #4\n"                                                         \
        "vldrb.s32 q1, [%[right]], #4\n"                                                           \
        "vmul.i32 q0, q0, r9\n"                                                                    \
        "vmla.s32 q0, q1, r10\n"                                                                   \
        "vadd.i32 q0, q0, r11\n"                                                                   \
        "vqshl.s32 q0, r12\n"                                                                      \
        "vshr.s32 q0, q0, #24\n" clamp                                                             \
        "vstrb.32 q0, [%[output]], #4\n"                                                           \
        "letp lr, 1b\n"                                                                            \
        : [left] "+l"(left), [right] "+l"(right), [output] "+l"(output)                            \
        : [p] "r"(p), [minimum] "w"(minimum), [maximum] "w"(maximum)                               \
        : "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1", "memory")
