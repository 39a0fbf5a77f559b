#include "dsp/plane_3x3.h"
static __attribute__((noinline)) void
edgekd_dsp_plane_signed_1(const struct edgekd_dsp_plane *plane)
{
    EDGEKD_DSP_PLANE(plane, EDGEKD_DSP_PLANE_ROW_1, EDGEKD_DSP_PLANE_SIGNED);
}
