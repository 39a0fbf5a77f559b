#include "dsp/fully_connected_wide.h"
#include "dsp/fully_connected_outputs.h"
#include "dsp/inputs_halfwords.h"
static __attribute__((noinline)) void
edgekd_dsp_group_wide_halfwords(const struct edgekd_dsp_group *group)
{
    EDGEKD_DSP_GROUP(group, EDGEKD_DSP_INPUTS_HALFWORDS EDGEKD_DSP_GROUP_WIDE, "100",
                     EDGEKD_DSP_GROUP_OUTPUTS);
}
