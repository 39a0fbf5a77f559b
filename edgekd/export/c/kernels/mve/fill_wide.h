#include "mve/convolution.h"
/* Pixels of at least 16 channels. */
static __attribute__((noinline)) void edgekd_mve_fill_wide(
    const struct edgekd_mve_convolution *p, const int8_t *source, int8_t *cell, int32_t cells)
{
    const int32_t channels = p->input_channels;
    const int32_t beyond = (channels + 15) / 16 * 16 - channels;
    const int32_t skip = p->column_bytes - channels - beyond;
    __asm__ volatile(
        "1: dlstp.8 lr, %[channels]\n"
        "2: vldrb.u8 q0, [%[source]], #16\n"
        "vstrb.u8 q0, [%[cell]], #16\n"
        "letp lr, 2b\n"
        "sub %[source], %[source], %[beyond]\n"
        "add %[cell], %[cell], %[skip]\n"
        "subs %[cells], %[cells], #1\n"
        "bne 1b\n"
        : [source] "+r"(source), [cell] "+r"(cell), [cells] "+r"(cells)
        : [channels] "r"(channels), [beyond] "r"(beyond), [skip] "r"(skip)
        : "lr", "q0", "cc", "memory");
}
