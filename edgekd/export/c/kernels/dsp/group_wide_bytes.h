#include "dsp/fully_connected_wide.h"
#include "dsp/fully_connected_outputs.h"
#include "dsp/inputs_bytes.h"
static __attribute__((noinline)) void
edgekd_dsp_group_wide_bytes(const struct edgekd_dsp_group *group)
{
    EDGEKD_DSP_GROUP(group, EDGEKD_DSP_INPUTS_BYTES EDGEKD_DSP_GROUP_WIDE, "108",
                     EDGEKD_DSP_GROUP_OUTPUTS);
}
