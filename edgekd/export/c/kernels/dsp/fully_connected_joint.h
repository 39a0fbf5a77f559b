#include "dsp/fully_connected_group.h"
/* Two outputs in each halfword of the weights (see edgekd_dsp_tile_joint_relu): one word of weights
 * makes 4 multiply-accumulates in 3.5 instructions. */
#define EDGEKD_DSP_GROUP_JOINT_PAIR(first, joint)                                                  \
    "ldm.w r0!, {r2, r3}\n\t"                                                                      \
    "smlad " joint ", r2, r12, " joint "\n\t"                                                      \
    "sxtb16 r2, r2\n\t"                                                                            \
    "smlad " first ", r2, r12, " first "\n\t"                                                      \
    "smlad " joint ", r3, lr, " joint "\n\t"                                                       \
    "sxtb16 r3, r3\n\t"                                                                            \
    "smlad " first ", r3, lr, " first "\n\t"
#define EDGEKD_DSP_GROUP_JOINT                                                                     \
    EDGEKD_DSP_GROUP_JOINT_PAIR("r4", "r5")                                                        \
    EDGEKD_DSP_GROUP_JOINT_PAIR("r6", "r7")                                                        \
    EDGEKD_DSP_GROUP_JOINT_PAIR("r8", "r9")                                                        \
    EDGEKD_DSP_GROUP_JOINT_PAIR("r10", "r11")
#define EDGEKD_DSP_GROUP_JOINT_OUTPUTS_OF(first, joint)                                            \
    "sub " joint ", " joint ", " first "\n\t"                                                      \
    "asr " joint ", " joint ", #8\n\t" EDGEKD_DSP_GROUP_OUTPUT(first) EDGEKD_DSP_GROUP_OUTPUT(joint)
#define EDGEKD_DSP_GROUP_JOINT_OUTPUTS                                                             \
    EDGEKD_DSP_GROUP_JOINT_OUTPUTS_OF("r4", "r5")                                                  \
    EDGEKD_DSP_GROUP_JOINT_OUTPUTS_OF("r6", "r7")                                                  \
    EDGEKD_DSP_GROUP_JOINT_OUTPUTS_OF("r8", "r9")                                                  \
    EDGEKD_DSP_GROUP_JOINT_OUTPUTS_OF("r10", "r11")
