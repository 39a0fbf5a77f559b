#include "common/clamp.h"
/* Float to 8 bits, rounded half away from zero; what is not a number becomes the zero point. */
static __attribute__((noinline)) void edgekd_quantize(
    const float *input, int8_t *output, int32_t count, float scale, int32_t zero_point,
    int32_t minimum, int32_t maximum)
{
    for (int32_t i = 0; i < count; ++i) {
        const float scaled = input[i] / scale;
        /* Compared so that NaN takes the last branch; limits keep the conversion defined. */
        const float limited = scaled > 1024.0f ? 1024.0f : scaled < -1024.0f ? -1024.0f
                              : scaled == scaled ? scaled : 0.0f;
        const int32_t whole = (int32_t)limited;
        const float part = limited - (float)whole;
        const int32_t rounded = whole + (part >= 0.5f ? 1 : 0) - (part <= -0.5f ? 1 : 0);
        output[i] = edgekd_clamp(rounded + zero_point, minimum, maximum);
    }
}
