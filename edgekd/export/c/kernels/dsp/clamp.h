#include <string.h>
#include "common/clamp.h"
#include "dsp/order.h"

static inline int8_t *edgekd_dsp_clamp_four(int8_t *values, uint32_t minimum, uint32_t maximum)
{
    uint32_t four;
    memcpy(&four, values, 4);
    four = edgekd_dsp_smaller(edgekd_dsp_larger(four, minimum), maximum);
    memcpy(values, &four, 4);
    return values + 4;
}

/* Limits of an activation inside int8, in place: other kernels clamp to int8 only. */
static __attribute__((noinline)) void edgekd_dsp_clamp(int8_t *values, int32_t count,
                                                       int32_t minimum, int32_t maximum)
{
    const uint32_t least = edgekd_dsp_four(minimum), most = edgekd_dsp_four(maximum);
    for (; count >= 16; count -= 16) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            values = edgekd_dsp_clamp_four(values, least, most);
        }
    }
    for (; count >= 4; count -= 4) {
        values = edgekd_dsp_clamp_four(values, least, most);
    }
    for (; count > 0; count--, values++) {
        *values = edgekd_clamp(*values, minimum, maximum);
    }
}
