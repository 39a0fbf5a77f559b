#include "mve/add.h"
static __attribute__((noinline)) void edgekd_mve_add_clamped(
    const struct edgekd_mve_add *p, const int8_t *left, const int8_t *right, int8_t *output)
{
    const int32x4_t minimum = vdupq_n_s32(p->minimum), maximum = vdupq_n_s32(p->maximum);
    EDGEKD_MVE_ADD("vmax.s32 q0, q0, %q[minimum]\nvmin.s32 q0, q0, %q[maximum]\n");
}
