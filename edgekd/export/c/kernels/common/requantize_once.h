/* value * multiplier * 2^(shift - 31), rounded once, half up. What TensorFlow Lite's fully
   connected layers do. */
static inline int32_t edgekd_requantize_once(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t total = 31 - shift;
    return (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << (total - 1))) >> total);
}
