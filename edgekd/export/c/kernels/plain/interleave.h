/* Part of a concatenation: `count` runs of `bytes`, `stride` apart in the output. */
static __attribute__((noinline)) void edgekd_interleave(
    const void *input, void *output, int32_t count, int32_t bytes, int32_t stride)
{
    const uint8_t *source = (const uint8_t *)input;
    uint8_t *target = (uint8_t *)output;
    for (int32_t i = 0; i < count; ++i)
        memcpy(target + i * stride, source + i * bytes, (size_t)bytes);
}
