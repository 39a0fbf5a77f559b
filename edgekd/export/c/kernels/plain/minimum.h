#include "plain/broadcast.h"
static __attribute__((noinline)) void edgekd_minimum(
    const struct edgekd_broadcast *p, const int8_t *left, const int8_t *right, int8_t *output)
{
    const int32_t count = edgekd_broadcast_count(p);
    for (int32_t i = 0; i < count; ++i) {
        const int8_t a = left[edgekd_broadcast_offset(p->size, p->left, i)];
        const int8_t b = right[edgekd_broadcast_offset(p->size, p->right, i)];
        output[i] = a < b ? a : b;
    }
}
