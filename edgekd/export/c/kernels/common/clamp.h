static inline int8_t edgekd_clamp(int32_t value, int32_t minimum, int32_t maximum)
{
    return (int8_t)(value < minimum ? minimum : value > maximum ? maximum : value);
}
