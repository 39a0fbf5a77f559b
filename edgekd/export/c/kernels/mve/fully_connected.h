#include <arm_mve.h>
/* Fully connected layers, rounded once: VQDMULH cuts off what is below the doubled high half, so
   that half a unit in the addend of the shift after it rounds the whole. */
struct edgekd_mve_fully_connected {
    const int8_t *weights;
    const int32_t *bias; /* filled up to a multiple of four */
    int32_t rows, inputs, outputs;
    int32_t multiplier, addend, shift, minimum, maximum;
};
