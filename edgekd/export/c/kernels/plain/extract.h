/* One part of a split: `count` runs of `bytes`, `stride` apart in the input. */
static __attribute__((noinline)) void edgekd_extract(
    const void *input, void *output, int32_t count, int32_t bytes, int32_t stride)
{
    const uint8_t *source = (const uint8_t *)input;
    uint8_t *target = (uint8_t *)output;
    for (int32_t i = 0; i < count; ++i)
        memcpy(target + i * bytes, source + i * stride, (size_t)bytes);
}
