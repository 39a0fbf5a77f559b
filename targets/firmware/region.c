/* The region of interest. noipa: nothing may move into it, out of it, or be known about it. It lies in
 * flash with the library, so that the call is the one that an application would make. */
#include "region.h"

#include "model.h"

__attribute__((noipa)) void edgekd_region_begin(void) { __asm__ volatile("" ::: "memory"); }

__attribute__((noipa)) void edgekd_region_end(void) { __asm__ volatile("" ::: "memory"); }

__attribute__((noipa)) void edgekd_region(uint8_t *arena) {
    edgekd_region_begin();
    model_run(arena);
    edgekd_region_end();
}
