/* What a real board gives, in C files of its own folder. */
#ifndef EDGEKD_UART_H
#define EDGEKD_UART_H

#include <stdint.h>

/* Clocks, caches, pins and baud rate; runs once, before there are variables. May be left out. */
void board_init(void);

/* The next byte, or -1 when none has come for about half a second, so that a frame with a lost byte
 * is given up. A board without a timer may wait for ever: the host then fills the frame up. */
int uart_getc(void);

void uart_putc(uint8_t byte);

#endif
