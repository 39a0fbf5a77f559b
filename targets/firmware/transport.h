/* The line to the host. One implementation is linked: semihosting.c or uart.c. */
#ifndef EDGEKD_TRANSPORT_H
#define EDGEKD_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

void transport_open(void);

/* Reads up to `bytes` bytes. Fewer come back at the end of the stream, or when the line is silent. */
uint32_t transport_read(void *data, uint32_t bytes);

/* The most to read before the check sum of it is made: a serial port without a buffer loses what comes
 * while nobody listens. */
extern const uint32_t transport_block_bytes;

/* No more requests will ever come. */
bool transport_ended(void);

void transport_write(const void *data, uint32_t bytes);

/* Ends the program where there is somebody to end it for; does not return. */
void transport_close(int status) __attribute__((noreturn));

#endif
