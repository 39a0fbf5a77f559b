#include "dsp/fully_connected_joint.h"
#include "dsp/inputs_halfwords.h"
static __attribute__((noinline)) void
edgekd_dsp_group_joint_halfwords(const struct edgekd_dsp_group *group)
{
    EDGEKD_DSP_GROUP(group, EDGEKD_DSP_INPUTS_HALFWORDS EDGEKD_DSP_GROUP_JOINT, "116",
                     EDGEKD_DSP_GROUP_JOINT_OUTPUTS);
}
