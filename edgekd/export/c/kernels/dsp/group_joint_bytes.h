#include "dsp/fully_connected_joint.h"
#include "dsp/inputs_bytes.h"
static __attribute__((noinline)) void
edgekd_dsp_group_joint_bytes(const struct edgekd_dsp_group *group)
{
    EDGEKD_DSP_GROUP(group, EDGEKD_DSP_INPUTS_BYTES EDGEKD_DSP_GROUP_JOINT, "124",
                     EDGEKD_DSP_GROUP_JOINT_OUTPUTS);
}
