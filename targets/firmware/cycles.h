/* The core's cycle counter: DWT CYCCNT of Armv7-M and Armv8-M. */
#ifndef EDGEKD_CYCLES_H
#define EDGEKD_CYCLES_H

#include <stdbool.h>
#include <stdint.h>

/* Starts the counter, and says whether it counts: emulators and the smallest cores have none. */
bool cycles_start(void);

/* Cycles modulo 2^32; 0 where there is no counter. */
uint32_t cycles_now(void);

#endif
