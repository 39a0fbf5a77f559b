#include "common/clamp.h"
/* Sizes of a pooling window; positions outside the input are not part of it. */
struct edgekd_pool {
    int16_t input_height, input_width, channels, output_height, output_width;
    int16_t kernel_height, kernel_width, stride_height, stride_width;
    int16_t padding_top, padding_left, minimum, maximum;
};

/* First and one past the last position of a window inside the input. */
static inline int32_t edgekd_pool_start(int32_t position, int32_t stride, int32_t padding)
{
    const int32_t start = position * stride - padding;
    return start < 0 ? 0 : start;
}

static inline int32_t edgekd_pool_end(
    int32_t position, int32_t stride, int32_t padding, int32_t kernel, int32_t size)
{
    const int32_t end = position * stride - padding + kernel;
    return end > size ? size : end;
}
