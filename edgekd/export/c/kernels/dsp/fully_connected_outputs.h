/* Eight sums of one output each. */
#define EDGEKD_DSP_GROUP_OUTPUTS                                                                   \
    EDGEKD_DSP_GROUP_OUTPUT("r4")                                                                  \
    EDGEKD_DSP_GROUP_OUTPUT("r5")                                                                  \
    EDGEKD_DSP_GROUP_OUTPUT("r6")                                                                  \
    EDGEKD_DSP_GROUP_OUTPUT("r7")                                                                  \
    EDGEKD_DSP_GROUP_OUTPUT("r8")                                                                  \
    EDGEKD_DSP_GROUP_OUTPUT("r9")                                                                  \
    EDGEKD_DSP_GROUP_OUTPUT("r10")                                                                 \
    EDGEKD_DSP_GROUP_OUTPUT("r11")
