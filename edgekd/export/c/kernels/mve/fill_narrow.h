#include "mve/convolution.h"
/* Pixels of few channels: one vector holds several of them, which are scattered. */
static __attribute__((noinline)) void edgekd_mve_fill_narrow(
    const struct edgekd_mve_convolution *p, const int8_t *source, int8_t *cell, int32_t cells)
{
    int32_t left = cells * p->input_channels;
    __asm__ volatile(
        "vldrb.u8 q1, [%[offsets]]\n"
        "1: vctp.8 %[left]\n"
        "vpstt\n"
        "vldrbt.u8 q0, [%[source]]\n"
        "vstrbt.8 q0, [%[cell], q1]\n"
        "add %[source], %[source], %[lanes]\n"
        "add %[cell], %[cell], %[skip]\n"
        "subs %[left], %[left], %[lanes]\n"
        "bgt 1b\n"
        : [source] "+r"(source), [cell] "+r"(cell), [left] "+r"(left)
        : [offsets] "r"(p->offsets), [lanes] "r"(p->lanes), [skip] "r"(p->skip)
        : "q0", "q1", "cc", "memory");
}
