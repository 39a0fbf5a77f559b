#include <arm_mve.h>
/* Sum or difference of two tensors of one shape: for 8-bit inputs all of TensorFlow Lite's
   roundings together are one plane, `left * left_factor + right * right_factor + addend`, whose
   top byte after a saturating shift is the output. The generator has checked every pair. */
struct edgekd_mve_add {
    int32_t count, left_factor, right_factor, addend, shift, minimum, maximum;
};

#define EDGEKD_MVE_ADD(clamp)                                                                      \
    __asm__ volatile(                                                                              \
        "dlstp.32 lr, %[count]\n"                                                                  \
        "1: vldrb.s32 q0, [%[left]], #4\n"                                                         \
        "vldrb.s32 q1, [%[right]], #4\n"                                                           \
        "vmul.i32 q0, q0, %[left_factor]\n"                                                        \
        "vmla.s32 q0, q1, %[right_factor]\n"                                                       \
        "vadd.i32 q0, q0, %[addend]\n"                                                             \
        "vqshl.s32 q0, %[shift]\n"                                                                 \
        "vshr.s32 q0, q0, #24\n" clamp                                                             \
        "vstrb.32 q0, [%[output]], #4\n"                                                           \
        "letp lr, 1b\n"                                                                            \
        : [left] "+l"(left), [right] "+l"(right), [output] "+l"(output)                            \
        : [count] "r"(p->count), [left_factor] "r"(p->left_factor),                                \
          [right_factor] "r"(p->right_factor), [addend] "r"(p->addend), [shift] "r"(p->shift),     \
          [minimum] "w"(minimum), [maximum] "w"(maximum)                                           \
        : "lr", "q0", "q1", "memory")
