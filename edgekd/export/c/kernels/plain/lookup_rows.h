#include "plain/rows.h"
/* Rows of `bytes` bytes, one for each number. */
static __attribute__((noinline)) void edgekd_lookup_rows(
    const void *table, int32_t rows, int32_t bytes, const int32_t *numbers, int32_t count,
    void *output)
{
    const uint8_t *source = (const uint8_t *)table;
    uint8_t *target = (uint8_t *)output;
    for (int32_t i = 0; i < count; ++i, target += bytes)
        memcpy(target, source + edgekd_row(numbers[i], rows) * bytes, (size_t)bytes);
}
