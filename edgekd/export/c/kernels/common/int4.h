/* Weight number `index` of an array of 4-bit values, two to a byte, the lower half first. */
static inline int8_t edgekd_int4(const uint8_t *packed, int32_t index)
{
    const int32_t nibble = (packed[index >> 1] >> ((index & 1) * 4)) & 15;
    return (int8_t)((nibble ^ 8) - 8);
}
