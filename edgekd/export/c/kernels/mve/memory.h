#include <arm_mve.h>
/* Like memset and memcpy (upwards, regions may overlap downwards), 16 bytes at a time. */
static inline void edgekd_mve_set(void *target, int32_t value, int32_t bytes)
{
    const uint8x16_t values = vdupq_n_u8((uint8_t)value);
    __asm__ volatile(
        "wlstp.8 lr, %[bytes], 2f\n"
        "1: vstrb.8 %q[values], [%[target]], #16\n"
        "letp lr, 1b\n"
        "2:\n"
        : [target] "+r"(target)
        : [bytes] "r"(bytes), [values] "w"(values)
        : "lr", "memory");
}

static inline void edgekd_mve_copy(void *target, const void *source, int32_t bytes)
{
    __asm__ volatile(
        "wlstp.8 lr, %[bytes], 2f\n"
        "1: vldrb.u8 q0, [%[source]], #16\n"
        "vstrb.8 q0, [%[target]], #16\n"
        "letp lr, 1b\n"
        "2:\n"
        : [target] "+r"(target), [source] "+r"(source)
        : [bytes] "r"(bytes)
        : "lr", "q0", "memory");
}
