#include "mve/add.h"
/* No limits but those of int8. */
static __attribute__((noinline)) void edgekd_mve_add_whole(
    const struct edgekd_mve_add *p, const int8_t *left, const int8_t *right, int8_t *output)
{
    const int32x4_t minimum = vdupq_n_s32(0), maximum = minimum;
    EDGEKD_MVE_ADD("");
}
