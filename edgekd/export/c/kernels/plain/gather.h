/* Any rearrangement that treats each axis on its own (PAD, SLICE, TRANSPOSE, nearest neighbours):
   for each axis a table of byte offsets into the input, -1 where the output is filled. The last
   axis is copied in runs of `run` bytes. */
struct edgekd_gather {
    int32_t size[5];
    const int32_t *offset[5];
    int32_t run;
    int32_t fill;
};

static __attribute__((noinline)) void edgekd_gather(
    const struct edgekd_gather *p, const void *input, void *output)
{
    const uint8_t *source = (const uint8_t *)input;
    uint8_t *target = (uint8_t *)output;
    const int32_t count = p->size[0] * p->size[1] * p->size[2] * p->size[3] * p->size[4];
    for (int32_t i = 0; i < count; ++i, target += p->run) {
        int32_t rest = i, from = 0, filled = 0;
        for (int32_t axis = 4; axis >= 0; --axis) {
            const int32_t offset = p->offset[axis][rest % p->size[axis]];
            rest /= p->size[axis];
            filled |= offset < 0;
            from += offset;
        }
        if (filled)
            memset(target, p->fill, (size_t)p->run);
        else
            memcpy(target, source + from, (size_t)p->run);
    }
}
