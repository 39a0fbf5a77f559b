#include <arm_mve.h>
/* Four pixels by two output channels at a time: eight sums in the even registers, which VMLADAVA
   demands; the pointers lie in the odd ones. Weights are stored pair of channels by pair, in chunks
   of 16: 16 of the first channel, 16 of the second. */
struct edgekd_mve_group {
    const int32_t *channels; /* for each channel: bias, multiplier, addend, shift */
    int8_t *output;          /* of the first pixel */
    const int8_t *pixel[4];
    int32_t chunks;          /* after the first one */
    int32_t missing;         /* how much the first chunk is shorter than 16 */
    const int8_t *weights;
    int32_t active;          /* predicate of the first chunk: its last lanes */
    int32_t offset[4];       /* from the first pixel's output to each one's */
    int32_t minimum, maximum; /* times 2^24 */
};

#define EDGEKD_MVE_ENTER                                                                           \
    "push {r6, r7}\n"                                                                              \
    "ldr r1, [r0, #36]\n"                                                                          \
    "vmsr p0, r1\n"                                                                                \
    "vldrw.32 q6, [r0, #40]\n"                                                                     \
    "ldrd r11, r12, [r0, #56]\n"                                                                   \
    "ldm r0, {r2-r10}\n"                                                                           \
    "mov r1, r10\n"                                                                                \
    "push {r2-r9, r11, r12}\n"                                                                     \
    "1: ldm sp, {r0, r2, r3, r5, r7, r9, r11, r12}\n"

/* The first chunk starts the sums. A shorter one is read together with what lies before it. */
#define EDGEKD_MVE_FIRST_WHOLE                                                                     \
    "vldrb.u8 q0, [r1], #16\n"                                                                     \
    "vldrb.u8 q2, [r3], #16\n"                                                                     \
    "vldrb.u8 q3, [r5], #16\n"                                                                     \
    "vldrb.u8 q4, [r7], #16\n"                                                                     \
    "vldrb.u8 q1, [r1], #16\n"                                                                     \
    "vldrb.u8 q5, [r9], #16\n"

#define EDGEKD_MVE_FIRST_PART                                                                      \
    "sub r1, r1, r12\n"                                                                            \
    "vpstttt\n"                                                                                    \
    "vldrbt.u8 q0, [r1], #16\n"                                                                    \
    "vldrbt.u8 q2, [r3], #16\n"                                                                    \
    "vldrbt.u8 q3, [r5], #16\n"                                                                    \
    "vldrbt.u8 q4, [r7], #16\n"                                                                    \
    "sub r1, r1, r12\n"                                                                            \
    "vpstt\n"                                                                                      \
    "vldrbt.u8 q1, [r1], #16\n"                                                                    \
    "vldrbt.u8 q5, [r9], #16\n"

#define EDGEKD_MVE_CHUNK                                                                           \
    "vldrb.u8 q0, [r1], #16\n"                                                                     \
    "vldrb.u8 q2, [r3], #16\n"                                                                     \
    "vmladava.s8 r0, q0, q2\n"                                                                     \
    "vldrb.u8 q1, [r1], #16\n"                                                                     \
    "vmladava.s8 r8, q1, q2\n"                                                                     \
    "vldrb.u8 q3, [r5], #16\n"                                                                     \
    "vmladava.s8 r2, q0, q3\n"                                                                     \
    "vmladava.s8 r10, q1, q3\n"                                                                    \
    "vldrb.u8 q2, [r7], #16\n"                                                                     \
    "vmladava.s8 r4, q0, q2\n"                                                                     \
    "vmladava.s8 r12, q1, q2\n"                                                                    \
    "vldrb.u8 q3, [r9], #16\n"                                                                     \
    "vmladava.s8 r6, q0, q3\n"                                                                     \
    "vmladava.s8 lr, q1, q3\n"

/* The sums of all chunks, then as vectors over the pixels, one for each channel. */
#define EDGEKD_MVE_SUMS                                                                            \
    "vmladav.s8 r0, q0, q2\n"                                                                      \
    "vmladav.s8 r2, q0, q3\n"                                                                      \
    "vmladav.s8 r4, q0, q4\n"                                                                      \
    "vmladav.s8 r6, q0, q5\n"                                                                      \
    "vmladav.s8 r8, q1, q2\n"                                                                      \
    "vmladav.s8 r10, q1, q3\n"                                                                     \
    "vmladav.s8 r12, q1, q4\n"                                                                     \
    "vmladav.s8 lr, q1, q5\n"                                                                      \
    "lsrs r11, r11, #1\n"                                                                          \
    "bcc 2f\n" EDGEKD_MVE_CHUNK                                                                    \
    "2: beq 4f\n"                                                                                  \
    "3:\n" EDGEKD_MVE_CHUNK EDGEKD_MVE_CHUNK                                                       \
    "subs r11, r11, #1\n"                                                                          \
    "bne 3b\n"                                                                                     \
    "4: vmov q0[2], q0[0], r0, r4\n"                                                               \
    "vmov q0[3], q0[1], r2, r6\n"                                                                  \
    "vmov q1[2], q1[0], r8, r12\n"                                                                 \
    "vmov q1[3], q1[1], r10, lr\n"

/* To the output's scale: bias, multiplier, then zero point and half a unit in one addend, and a
   saturating shift that leaves the value in the top byte. */
#define EDGEKD_MVE_LOAD_CHANNELS                                                                   \
    "ldrd r8, r9, [sp]\n"                                                                          \
    "ldm r8!, {r0, r2-r7, r10}\n"

#define EDGEKD_MVE_SCALE(q, bias, multiplier)                                                      \
    "vadd.i32 " q ", " q ", " bias "\n"                                                            \
    "vqrdmulh.s32 " q ", " q ", " multiplier "\n"

#define EDGEKD_MVE_ROUND(q, addend, shift)                                                         \
    "vadd.i32 " q ", " q ", " addend "\n"                                                          \
    "vqshl.s32 " q ", " shift "\n"

/* Rounding half up becomes half away from zero: one less for negative values. */
#define EDGEKD_MVE_SIGN(q)                                                                         \
    "vshr.s32 q2, " q ", #31\n"                                                                    \
    "vadd.i32 " q ", " q ", q2\n"

#define EDGEKD_MVE_STORE_PAIR                                                                      \
    "vshr.s32 q1, q1, #16\n"                                                                       \
    "vsri.32 q1, q0, #24\n"                                                                        \
    "vstrh.32 q1, [r9, q6]\n"                                                                      \
    "add r9, r9, #2\n"

/* Any limits, and an output at any address. */
#define EDGEKD_MVE_STORE_CLAMPED                                                                   \
    "ldrd r11, r12, [sp, #32]\n"                                                                   \
    "vdup.32 q4, r11\n"                                                                            \
    "vdup.32 q5, r12\n"                                                                            \
    "vmax.s32 q0, q0, q4\n"                                                                        \
    "vmax.s32 q1, q1, q4\n"                                                                        \
    "vmin.s32 q0, q0, q5\n"                                                                        \
    "vmin.s32 q1, q1, q5\n"                                                                        \
    "vshr.s32 q0, q0, #24\n"                                                                       \
    "vshr.s32 q1, q1, #24\n"                                                                       \
    "vstrb.32 q0, [r9, q6]\n"                                                                      \
    "add r9, r9, #1\n"                                                                             \
    "vstrb.32 q1, [r9, q6]\n"                                                                      \
    "add r9, r9, #1\n"

/* The last pair is marked in the sign of its shift, of which VQSHL takes the low byte. */
#define EDGEKD_MVE_LEAVE                                                                           \
    "strd r8, r9, [sp]\n"                                                                          \
    "cmp r10, #0\n"                                                                                \
    "bge 1b\n"                                                                                     \
    "add sp, sp, #40\n"                                                                            \
    "pop {r6, r7}\n"

#define EDGEKD_MVE_CLOBBERS                                                                        \
    "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1", "q2",   \
        "q3", "q4", "q5", "q6", "cc", "memory"
