static __attribute__((noinline)) void edgekd_dequantize(
    const int8_t *input, float *output, int32_t count, float scale, int32_t zero_point)
{
    for (int32_t i = 0; i < count; ++i)
        output[i] = scale * (float)(input[i] - zero_point);
}
