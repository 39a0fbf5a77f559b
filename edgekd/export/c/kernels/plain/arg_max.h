/* Index of the first largest value of [outer][count][inner] along the middle axis. */
static __attribute__((noinline)) void edgekd_arg_max(
    const int8_t *input, int32_t *output, int32_t outer, int32_t count, int32_t inner)
{
    for (int32_t i = 0; i < outer; ++i, input += count * inner) {
        for (int32_t j = 0; j < inner; ++j) {
            int32_t best = 0;
            for (int32_t k = 1; k < count; ++k)
                best = input[k * inner + j] > input[best * inner + j] ? k : best;
            *output++ = best;
        }
    }
}
