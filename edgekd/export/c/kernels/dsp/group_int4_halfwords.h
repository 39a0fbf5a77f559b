#include "dsp/fully_connected_int4.h"
#include "dsp/fully_connected_outputs.h"
#include "dsp/inputs_halfwords.h"
static __attribute__((noinline)) void
edgekd_dsp_group_int4_halfwords(const struct edgekd_dsp_group *group)
{
    EDGEKD_DSP_GROUP(group, EDGEKD_DSP_INPUTS_HALFWORDS EDGEKD_DSP_GROUP_INT4, "212",
                     EDGEKD_DSP_GROUP_OUTPUTS);
}
