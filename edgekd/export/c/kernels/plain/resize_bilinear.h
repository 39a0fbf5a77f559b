/* Rows and columns between which an output lies, and its place between them in 1/1024. */
struct edgekd_resize {
    int16_t input_width, channels, output_height, output_width;
    const int16_t *row_low, *row_high, *row_part;
    const int16_t *column_low, *column_high, *column_part;
};

static __attribute__((noinline)) void edgekd_resize_bilinear(
    const struct edgekd_resize *p, const int8_t *input, int8_t *output)
{
    for (int32_t y = 0; y < p->output_height; ++y) {
        const int8_t *low = input + p->row_low[y] * p->input_width * p->channels;
        const int8_t *high = input + p->row_high[y] * p->input_width * p->channels;
        const int64_t down = p->row_part[y], up = 1024 - down;
        for (int32_t x = 0; x < p->output_width; ++x) {
            const int32_t left = p->column_low[x] * p->channels;
            const int32_t right = p->column_high[x] * p->channels;
            const int64_t after = p->column_part[x], before = 1024 - after;
            for (int32_t c = 0; c < p->channels; ++c) {
                const int64_t sum = low[left + c] * up * before + high[left + c] * down * before +
                                    low[right + c] * up * after + high[right + c] * down * after;
                const int64_t half = sum > 0 ? 1 << 19 : -(1 << 19);
                *output++ = (int8_t)((sum + half) / (1 << 20));
            }
        }
    }
}
