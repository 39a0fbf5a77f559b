/* The region of interest: one inference between two markers. */
#ifndef EDGEKD_REGION_H
#define EDGEKD_REGION_H

#include <stdint.h>

void edgekd_region_begin(void);
void edgekd_region_end(void);
void edgekd_region(uint8_t *arena);

#endif
