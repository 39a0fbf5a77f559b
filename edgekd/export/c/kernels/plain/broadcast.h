/* Elementwise operators of two inputs, each of which may be repeated along some axes: a stride of
   0. Strides are in elements, the last axis first changes. */
struct edgekd_broadcast {
    int32_t size[6], left[6], right[6];
};

/* Where an input's element for output element `index` lies. */
static inline int32_t edgekd_broadcast_offset(
    const int32_t *size, const int32_t *stride, int32_t index)
{
    int32_t offset = 0;
    for (int32_t axis = 5; axis >= 0; --axis) {
        offset += index % size[axis] * stride[axis];
        index /= size[axis];
    }
    return offset;
}

static inline int32_t edgekd_broadcast_count(const struct edgekd_broadcast *b)
{
    return b->size[0] * b->size[1] * b->size[2] * b->size[3] * b->size[4] * b->size[5];
}
