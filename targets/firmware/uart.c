/* Transport of real boards: bytes over a serial port that the board's own code drives. */
#include "transport.h"
#include "uart.h"

const uint32_t transport_block_bytes = 1;

void transport_open(void) {}

uint32_t transport_read(void *data, uint32_t bytes) {
    uint8_t *destination = data;
    for (uint32_t done = 0; done < bytes; ++done) {
        int byte = uart_getc();
        if (byte < 0) {
            return done;
        }
        destination[done] = (uint8_t)byte;
    }
    return bytes;
}

bool transport_ended(void) { return false; }

void transport_write(const void *data, uint32_t bytes) {
    const uint8_t *source = data;
    for (uint32_t done = 0; done < bytes; ++done) {
        uart_putc(source[done]);
    }
}

void transport_close(int status) {
    (void)status;
    for (;;) {
    }
}
