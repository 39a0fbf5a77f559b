#include "mve/group.h"
/* Sums of any number of products. No limits but those of int8, of which the lower one is the zero
   point: what is below zero is cut off, so how it is rounded does not matter. */
static __attribute__((noinline)) void edgekd_mve_group_relu_part(
    const struct edgekd_mve_group *group)
{
    register const struct edgekd_mve_group *base __asm__("r0") = group;
    __asm__ volatile(
        EDGEKD_MVE_ENTER EDGEKD_MVE_FIRST_PART EDGEKD_MVE_SUMS EDGEKD_MVE_LOAD_CHANNELS
        EDGEKD_MVE_SCALE("q0", "r0", "r2")
        EDGEKD_MVE_ROUND("q0", "r3", "r4")
        EDGEKD_MVE_SCALE("q1", "r5", "r6")
        EDGEKD_MVE_ROUND("q1", "r7", "r10")
        EDGEKD_MVE_STORE_PAIR EDGEKD_MVE_LEAVE
        : "+r"(base)
        :
        : EDGEKD_MVE_CLOBBERS);
}
