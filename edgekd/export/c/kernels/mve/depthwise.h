#include "mve/memory.h"
#include <arm_mve.h>
/* Depthwise convolution with a window of up to 3 by 3, one channel after the other. A strip holds
   what two output lines (one with stride 2) are made of: a word for each column, a byte in it for
   each of four input lines. A load of 16 bytes is then the window of 2 by 2 outputs. Each input
   line lies in two strips. The scratch holds the strips of a block, one before it, and one after
   it, with which the next block begins. A line is a row of the image, or a column where that
   wastes less. */
/* A way over strips: how much one line takes, to the next outputs, and from its end to the next. */
struct edgekd_mve_depthwise_walk {
    int32_t count, next, cell_skip, target_skip;
};

struct edgekd_mve_depthwise {
    const int8_t *weights;   /* [channel][column][line], 3 by 3 */
    const int32_t *channels; /* for each channel: bias, multiplier, addend, shift */
    const uint8_t *spread;   /* of weights over the window of the first and the second column */
    const uint16_t *places;  /* of the block's input pixels in the scratch */
    int32_t channel_count, zero_point;
    int32_t pixels;              /* of the input */
    int32_t first_pixels;        /* that the first block reads */
    int32_t block_pixels;        /* that any other reads; its places begin `carried` later */
    int32_t carried;
    int32_t strips, block_strips, strip_bytes, scratch_bytes;
    int32_t output_step, output_line_step, output_block_step;
    int32_t odd_lines; /* of the output: the last strip makes one line only */
    int32_t again;     /* an odd number of columns: the last two are done once more from here */
    int32_t output_again;
    struct edgekd_mve_depthwise_walk squares, last_squares, row;
};

/* Stores pixels of one channel, or the zero point, where the places say. */
static __attribute__((noinline)) void edgekd_mve_depthwise_load(
    const struct edgekd_mve_depthwise *p, const int8_t *source, const uint16_t *places,
    int8_t *strips, int32_t count)
{
    const uint16x8_t elements = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)p->channel_count);
    int8_t *before = strips - p->strip_bytes + 2;
    __asm__ volatile(
        "dlstp.16 lr, %[count]\n"
        "1: vldrh.u16 q0, [%[places]], #16\n"
        "vldrb.u16 q1, [%[source], %q[elements]]\n"
        "add %[source], %[source], %[next]\n"
        "vstrb.16 q1, [%[strips], q0]\n"
        "vstrb.16 q1, [%[before], q0]\n"
        "letp lr, 1b\n"
        : [source] "+r"(source), [places] "+r"(places)
        : [count] "r"(count), [strips] "r"(strips), [before] "r"(before),
          [next] "r"(8 * p->channel_count), [elements] "w"(elements)
        : "lr", "q0", "q1", "memory");
}

static inline void edgekd_mve_depthwise_blank(
    const struct edgekd_mve_depthwise *p, const uint16_t *places, int8_t *strips, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        strips[places[i]] = (int8_t)p->zero_point;
        strips[places[i] - p->strip_bytes + 2] = (int8_t)p->zero_point;
    }
}

/* The weights of a window, zero in the lanes that are not active. The compiler must not know of
   the predicate: it would keep it over assembly that changes it. */
static inline int8x16_t edgekd_mve_depthwise_weights(
    const int8_t *weights, uint8x16_t spread, uint32_t active)
{
    int8x16_t window;
    __asm__("vmsr p0, %[active]\n"
            "vpst\n"
            "vldrbt.u8 %q[window], [%[weights], %q[spread]]\n"
            : [window] "=&w"(window)
            : [weights] "r"(weights), [spread] "w"(spread), [active] "r"(active)
            : "memory");
    return window;
}

/* From sums to outputs; half up becomes half away from zero by SIGN. */
#define EDGEKD_MVE_DEPTHWISE_SIGN                                                                  \
    "vshr.s32 q1, q0, #31\n"                                                                       \
    "vadd.i32 q0, q0, q1\n"
#define EDGEKD_MVE_DEPTHWISE_FINISH(sign)                                                          \
    "vmov q0[2], q0[0], r0, r4\n"                                                                  \
    "vmov q0[3], q0[1], r2, r6\n"                                                                  \
    "vadd.i32 q0, q0, r8\n"                                                                        \
    "vqrdmulh.s32 q0, q0, r9\n" sign                                                               \
    "vadd.i32 q0, q0, r10\n"                                                                       \
    "vqshl.s32 q0, r11\n"                                                                          \
    "vshr.s32 q0, q0, #24\n"
#define EDGEKD_MVE_DEPTHWISE_NEXT_STRIP                                                            \
    "ldm r5, {r0, r2, r4, r6}\n"                                                                   \
    "add r1, r1, r4\n"                                                                             \
    "add r3, r3, r6\n"                                                                             \
    "subs r12, r12, #1\n"                                                                          \
    "bne 1b\n"                                                                                     \
    "pop {r6, r7}\n"
#define EDGEKD_MVE_DEPTHWISE_CLOBBERS                                                              \
    "r0", "r2", "r4", "r6", "r9", "r10", "r11", "lr", "q0", "q1", "cc", "memory"

/* 2 by 2 outputs at a time; of the sums r0 and r2 belong to the upper line. */
#define EDGEKD_MVE_DEPTHWISE_SQUARES(sign)                                                         \
    __asm__ volatile(                                                                              \
        "push {r6, r7}\n"                                                                          \
        "ldm r8, {r8-r11}\n"                                                                       \
        "ldrd r0, r7, [r5]\n"                                                                      \
        "1: dls lr, r0\n"                                                                          \
        "2: vldrb.u8 q0, [r1], #8\n"                                                               \
        "vmladav.s8 r0, %q[w00], q0\n"                                                             \
        "vmladav.s8 r2, %q[w01], q0\n"                                                             \
        "vmladav.s8 r4, %q[w10], q0\n"                                                             \
        "vmladav.s8 r6, %q[w11], q0\n" EDGEKD_MVE_DEPTHWISE_FINISH(sign)                           \
        "vstrb.32 q0, [r3, %q[places]]\n"                                                          \
        "add r3, r3, r7\n"                                                                         \
        "le lr, 2b\n" EDGEKD_MVE_DEPTHWISE_NEXT_STRIP                                              \
        : "+r"(cell), "+r"(target), "+r"(strips), "+r"(record)                                     \
        : "r"(walk), [places] "w"(places), [w00] "w"(w00), [w01] "w"(w01), [w10] "w"(w10),         \
          [w11] "w"(w11)                                                                           \
        : EDGEKD_MVE_DEPTHWISE_CLOBBERS)

/* Four outputs of one line at a time; `loads` leaves their sums in r0, r2, r4 and r6. */
#define EDGEKD_MVE_DEPTHWISE_ROWS(loads, sign)                                                     \
    __asm__ volatile(                                                                              \
        "push {r6, r7}\n"                                                                          \
        "ldm r8, {r8-r11}\n"                                                                       \
        "ldrd r0, r7, [r5]\n"                                                                      \
        "1: mov lr, r0\n"                                                                          \
        "2:" loads EDGEKD_MVE_DEPTHWISE_FINISH(sign)                                               \
        "vctp.32 lr\n"                                                                             \
        "vpst\n"                                                                                   \
        "vstrbt.32 q0, [r3, %q[places]]\n"                                                         \
        "add r3, r3, r7\n"                                                                         \
        "subs lr, lr, #4\n"                                                                        \
        "bgt 2b\n" EDGEKD_MVE_DEPTHWISE_NEXT_STRIP                                                 \
        : "+r"(cell), "+r"(target), "+r"(strips), "+r"(record)                                     \
        : "r"(walk), [places] "w"(places), [w00] "w"(w00), [w01] "w"(w01)                          \
        : EDGEKD_MVE_DEPTHWISE_CLOBBERS)

/* The registers of both. */
#define EDGEKD_MVE_DEPTHWISE_OPERANDS(first_cell, first_target, count, of_channel, way)            \
    register const int8_t *cell __asm__("r1") = first_cell;                                        \
    register int8_t *target __asm__("r3") = first_target;                                          \
    register const struct edgekd_mve_depthwise_walk *walk __asm__("r5") = way;                     \
    register int32_t strips __asm__("r12") = count;                                                \
    register const int32_t *record __asm__("r8") = of_channel

/* With stride 1 two windows are in one load, with stride 2 one is. */
#define EDGEKD_MVE_DEPTHWISE_LOADS_1                                                               \
    "vldrb.u8 q0, [r1], #8\n"                                                                      \
    "vldrb.u8 q1, [r1], #8\n"                                                                      \
    "vmladav.s8 r0, %q[w00], q0\n"                                                                 \
    "vmladav.s8 r2, %q[w01], q0\n"                                                                 \
    "vmladav.s8 r4, %q[w00], q1\n"                                                                 \
    "vmladav.s8 r6, %q[w01], q1\n"
#define EDGEKD_MVE_DEPTHWISE_LOADS_2                                                               \
    "vldrb.u8 q0, [r1], #8\n"                                                                      \
    "vldrb.u8 q1, [r1], #8\n"                                                                      \
    "vmladav.s8 r0, %q[w00], q0\n"                                                                 \
    "vmladav.s8 r2, %q[w00], q1\n"                                                                 \
    "vldrb.u8 q0, [r1], #8\n"                                                                      \
    "vldrb.u8 q1, [r1], #8\n"                                                                      \
    "vmladav.s8 r4, %q[w00], q0\n"                                                                 \
    "vmladav.s8 r6, %q[w00], q1\n"

/* Outputs of `strips` strips of one channel; whether these are the last ones. */
typedef void edgekd_mve_depthwise_strips(
    const struct edgekd_mve_depthwise *p, int32_t channel, const int8_t *cell, int8_t *target,
    int32_t strips, int32_t last);

/* One channel in several blocks. */
static inline __attribute__((always_inline)) void edgekd_mve_depthwise_blocks(
    const struct edgekd_mve_depthwise *p, const int8_t *source, int8_t *target, int8_t *strips,
    int32_t channel, edgekd_mve_depthwise_strips *make)
{
    const uint16_t *places = p->places;
    int32_t wanted = p->first_pixels, unread = p->pixels;
    /* Lines above the image: the last channel's end may lie there. */
    edgekd_mve_set(strips, p->zero_point, p->strip_bytes);
    for (int32_t left = p->strips; left > 0; left -= p->block_strips) {
        const int32_t count = wanted < unread ? wanted : unread;
        const int32_t here = left < p->block_strips ? left : p->block_strips;
        if (count > 0)
            edgekd_mve_depthwise_load(p, source, places, strips, count);
        if (wanted > count)
            edgekd_mve_depthwise_blank(p, places + count, strips, wanted - count);
        make(p, channel, strips, target, here, here == left);
        edgekd_mve_copy(strips, strips + here * p->strip_bytes, p->strip_bytes);
        target += p->output_block_step;
        source += count * p->channel_count;
        unread -= count;
        wanted = p->block_pixels;
        places = p->places + p->carried;
    }
}

static inline __attribute__((always_inline)) void edgekd_mve_depthwise(
    const struct edgekd_mve_depthwise *p, const int8_t *input, int8_t *output, void *scratch,
    edgekd_mve_depthwise_strips *make)
{
    int8_t *strips = (int8_t *)scratch + p->strip_bytes;
    edgekd_mve_set(scratch, p->zero_point, p->scratch_bytes);
    for (int32_t i = 0; i < p->channel_count; ++i, ++input, ++output) {
        if (p->strips == p->block_strips) {
            edgekd_mve_depthwise_load(p, input, p->places, strips, p->first_pixels);
            make(p, i, strips, output, p->strips, 1);
        } else {
            edgekd_mve_depthwise_blocks(p, input, output, strips, i, make);
        }
    }
}
