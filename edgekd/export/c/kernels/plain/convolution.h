#include "plain/convolve.h"
static __attribute__((noinline)) void edgekd_convolution(
    const struct edgekd_convolution *p, const int8_t *input, int8_t *output)
{
    edgekd_convolve(p, input, output, 0);
}
