/* The larger or smaller of each of four int8 values: SSUB8 notes for each byte whether the first is
 * at least the second, SEL picks by that. */
static inline uint32_t edgekd_dsp_larger(uint32_t first, uint32_t second)
{
    uint32_t found;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2"
            : "=&r"(found)
            : "r"(first), "r"(second)
            : "cc");
    return found;
}

static inline uint32_t edgekd_dsp_smaller(uint32_t first, uint32_t second)
{
    uint32_t found;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1"
            : "=&r"(found)
            : "r"(first), "r"(second)
            : "cc");
    return found;
}

/* Four times the same value. */
static inline uint32_t edgekd_dsp_four(int32_t value)
{
    return (uint32_t)(value & 255) * 0x01010101u;
}
