#include <arm_acle.h>
#include <string.h>
#include "dsp/fully_connected_group.h"

struct edgekd_dsp_fully_connected {
    const int16_t *weights; /* of whole groups, then of what is left */
    const int32_t *sums;    /* initial, as many as outputs of groups, pairs or the last eight */
    const int32_t *outputs; /* multiplier, addend, shift: of each output, or of all */
    int16_t rows, inputs, channels;
    int16_t blocks;         /* of four inputs */
    int16_t step;           /* bytes from an output's three to the next one's */
    int16_t widened;        /* whether inputs are made 16-bit values first */
    int16_t block;          /* halfwords of weights for an output and four inputs */
    int16_t joint;          /* whether two outputs lie in a halfword of the weights */
};

/* Four inputs a time as the group's loop reads them: 0 and 2 in one word, 1 and 3 in the other. */
static inline void edgekd_dsp_widen(const int8_t *input, int32_t *wide, int32_t blocks)
{
    for (; blocks > 0; blocks--, input += 4) {
        uint32_t four;
        memcpy(&four, input, 4);
        __asm__("sxtb16 %0, %1" : "=r"(*wide++) : "r"(four));
        __asm__("sxtb16 %0, %1, ror #8" : "=r"(*wide++) : "r"(four));
    }
}

static inline int8_t edgekd_dsp_rescale(int32_t sum, const int32_t *output)
{
    int32_t high;
    __asm__("smmla %0, %1, %2, %3" : "=r"(high) : "r"(sum), "r"(output[0]), "r"(output[1]));
    return (int8_t)__ssat(high >> output[2], 8);
}

/* Outputs of which there are fewer than eight, two at a time; the last of an odd number is computed
 * beside the one before it. */
static inline void edgekd_dsp_pairs(const struct edgekd_dsp_fully_connected *f, int32_t done,
                                    const int8_t *source, int8_t *output)
{
    const int16_t *weights = f->weights + done * f->block * f->blocks;
    const int32_t *sums = f->sums + done;
    for (int32_t i = done; i < f->channels; i += 2) {
        int32_t first = *sums++, joint = *sums++;
        const int8_t *four = source;
        for (int32_t block = 0; block < f->blocks; block++, four += 4, weights += 4) {
            uint32_t inputs, other;
            int16x2_t pair[2];
            memcpy(&inputs, four, 4);
            memcpy(pair, weights, 8);
            __asm__("sxtb16 %0, %1, ror #8" : "=r"(other) : "r"(inputs));
            inputs = (uint32_t)__sxtb16((int8x4_t)inputs);
            joint = __smlad(pair[0], (int16x2_t)inputs, joint);
            first = __smlad(__sxtb16((int8x4_t)pair[0]), (int16x2_t)inputs, first);
            joint = __smlad(pair[1], (int16x2_t)other, joint);
            first = __smlad(__sxtb16((int8x4_t)pair[1]), (int16x2_t)other, first);
        }
        const int32_t at = i + 1 < f->channels ? i : i - 1;
        const int32_t second = (int32_t)((uint32_t)joint - (uint32_t)first) >> 8;
        const int32_t *const constants = f->outputs + at * (f->step / 4);
        output[at] = edgekd_dsp_rescale(first, constants);
        output[at + 1] = edgekd_dsp_rescale(second, constants + f->step / 4);
    }
}

/* FULLY_CONNECTED: groups of eight outputs, then pairs, or the last eight once more.
 *
 * `scratch`: a row of inputs, where they are made wider, and another, where their number is not a
 * multiple of four. */
static __attribute__((noinline)) void
edgekd_dsp_fully_connected(const struct edgekd_dsp_fully_connected *f, const int8_t *input,
                           int8_t *output, void *scratch,
                           void (*compute)(const struct edgekd_dsp_group *))
{
    const int32_t done = f->channels & ~7;
    for (int32_t row = 0; row < f->rows; row++, input += f->inputs, output += f->channels) {
        const int8_t *source = input;
        if (f->inputs & 3) {
            int8_t *const padded = (int8_t *)scratch + (f->widened ? 8 * f->blocks : 0);
            memcpy(padded, input, (size_t)f->inputs);
            source = padded;
        }
        struct edgekd_dsp_group group = {
            .output = output,
            .end = source + 4 * f->blocks,
            .sums = f->sums,
            .outputs = f->outputs,
            .step = f->step,
            .input = source,
            .groups = done / 8,
            .weights = f->weights,
            .blocks = f->blocks,
        };
        if (f->widened) {
            edgekd_dsp_widen(source, scratch, f->blocks);
            group.input = scratch;
            group.end = (int8_t *)scratch + 8 * f->blocks;
        }
        if (done) {
            compute(&group);
        }
        if (f->joint) {
            edgekd_dsp_pairs(f, done, source, output);
        } else if (done < f->channels) {
            group.output = output + f->channels - 8;
            group.sums = f->sums + done;
            group.outputs = f->outputs + (f->channels - 8) * (f->step / 4);
            group.groups = 1;
            group.weights = f->weights + done * f->block * f->blocks;
            compute(&group);
        }
    }
}
