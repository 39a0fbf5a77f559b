#include "plain/convolve.h"
/* Weights of 4 bits, unpacked as they are used. */
static __attribute__((noinline)) void edgekd_convolution_int4(
    const struct edgekd_convolution *p, const int8_t *input, int8_t *output)
{
    edgekd_convolve(p, input, output, 1);
}
