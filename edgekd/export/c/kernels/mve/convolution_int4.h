#include "mve/convolution.h"
/* Weights of 4 bits, unpacked into the scratch for as many pairs of channels as fit there; the
   input is read once for each such block. Each 16 bytes hold 16 weights in their lower halves and
   the 16 that follow in their upper ones. */
struct edgekd_mve_convolution_int4 {
    struct edgekd_mve_convolution convolution; /* whose weights are those in the scratch */
    const uint8_t *packed;
    int32_t weights, block_weights, block_pairs; /* in all, and in a block */
};

static void edgekd_mve_unpack_int4(const uint8_t *packed, int8_t *weights, int32_t count)
{
    __asm__ volatile(
        "1: vldrb.u8 q0, [%[packed]], #16\n"
        "vshl.i8 q1, q0, #4\n"
        "vshr.s8 q0, q0, #4\n"
        "vshr.s8 q1, q1, #4\n"
        "vstrb.8 q1, [%[weights]], #16\n"
        "vstrb.8 q0, [%[weights]], #16\n"
        "subs %[count], %[count], #32\n"
        "bgt 1b\n"
        : [packed] "+r"(packed), [weights] "+r"(weights), [count] "+r"(count)
        :
        : "q0", "q1", "cc", "memory");
}

static __attribute__((noinline)) void edgekd_mve_convolution_int4(
    const struct edgekd_mve_convolution_int4 *p, const int8_t *input, int8_t *output,
    void *scratch, edgekd_mve_fill *fill, edgekd_mve_group_kernel *kernel)
{
    int8_t *weights = (int8_t *)scratch + p->convolution.rows * p->convolution.block_bytes;
    const uint8_t *packed = p->packed;
    struct edgekd_mve_convolution part = p->convolution;
    part.pixels.weights = weights;
    for (int32_t left = p->weights; left > 0; left -= p->block_weights) {
        const int32_t here = left < p->block_weights ? left : p->block_weights;
        edgekd_mve_unpack_int4(packed, weights, here);
        edgekd_mve_convolution(&part, input, output, scratch, fill, kernel);
        packed += (here + 31) / 32 * 16;
        part.pixels.channels += 8 * p->block_pairs;
        output += 2 * p->block_pairs;
    }
}
