#include "common/clamp.h"
/* Softmax of rows of 8-bit values. `exponential` holds exp(-d * scale) in Q0.31 for a difference
   d to the row's largest value, 0 where it is too small to count (TensorFlow Lite, softmax.h). */
static inline int32_t edgekd_doubled_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

static inline int32_t edgekd_round_shift(int32_t value, int32_t shift)
{
    const int32_t mask = (int32_t)(((uint32_t)1 << shift) - 1u);
    return (value >> shift) + ((value & mask) > (mask >> 1) + (value < 0 ? 1 : 0) ? 1 : 0);
}

/* 1 / (1 + x) for x from 0 to 1, both Q0.31: three steps of Newton and Raphson in Q2.29. */
static inline int32_t edgekd_reciprocal(int32_t x)
{
    const int32_t half = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
    int32_t estimate = 1515870810 + edgekd_doubled_high(half, -1010580540);
    for (int32_t i = 0; i < 3; ++i) {
        const int32_t product = edgekd_doubled_high(half, estimate);
        estimate += edgekd_doubled_high(estimate, (1 << 29) - product) * 4;
    }
    return estimate > INT32_MAX / 2 ? INT32_MAX : estimate * 2;
}

static __attribute__((noinline)) void edgekd_softmax(
    const int32_t *exponential, const int8_t *input, int8_t *output, int32_t rows, int32_t depth)
{
    for (; rows > 0; --rows, input += depth, output += depth) {
        int32_t largest = INT8_MIN, sum = 0, headroom = 0;
        for (int32_t i = 0; i < depth; ++i)
            largest = input[i] > largest ? input[i] : largest;
        for (int32_t i = 0; i < depth; ++i)
            sum += edgekd_round_shift(exponential[largest - input[i]], 12);
        while (!((uint32_t)sum << headroom & 0x80000000u))
            ++headroom;
        const int32_t fraction = (int32_t)(((uint32_t)sum << headroom) - 0x80000000u);
        const int32_t scale = edgekd_reciprocal(fraction);
        const int32_t shift = 12 - headroom + 23;
        for (int32_t i = 0; i < depth; ++i) {
            const int32_t value = edgekd_doubled_high(scale, exponential[largest - input[i]]);
            output[i] = edgekd_clamp(edgekd_round_shift(value, shift) - 128, INT8_MIN, INT8_MAX);
        }
    }
}
