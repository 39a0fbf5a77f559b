/* One channel's convolution over a plane of 16-bit values. */
struct edgekd_dsp_plane {
    int32_t reserved[2];    /* of the frame: bytes to the next output, end of the row */
    int32_t bias[2];        /* twice the same */
    int32_t multiplier, addend, shift;
    int8_t *output;
    int32_t output_row;     /* bytes from an output row to the next */
    int32_t rows;
    int32_t step;           /* bytes from an output to the next in its row */
    int32_t pairs_bytes;    /* of output, without the last of an odd row */
    int32_t odd;            /* whether there is one */
    int32_t advance;        /* bytes from the end of a row of the plane to the next one to read */
    const int8_t *weights;  /* the byte that follows them may be read */
    int32_t factor;         /* that the weights are multiplied by */
    const int16_t *plane;
    int32_t pitch;          /* bytes from a row of the plane to the next */
    int32_t width;          /* of the output; this and what follows is for kernels of any size */
    int32_t stride;
    int32_t kernel_height, kernel_width, dilation_height;
};
