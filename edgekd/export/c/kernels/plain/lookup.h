/* Any function of one 8-bit value: the table holds its result for -128 to 127. */
static __attribute__((noinline)) void edgekd_lookup(
    const int8_t *table, const int8_t *input, int8_t *output, int32_t count)
{
    const int8_t *middle = table + 128;
    for (int32_t i = 0; i < count; ++i)
        output[i] = middle[input[i]];
}
