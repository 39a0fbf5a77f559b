/* Answers one request after the other. */
#include "cycles.h"
#include "protocol.h"
#include "transport.h"

int main(void) {
    bool counts_cycles = cycles_start();
    transport_open();
    while (protocol_answer(counts_cycles)) {
    }
    transport_close(0);
}
