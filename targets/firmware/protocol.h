/* Frames between host and firmware, little-endian:
 *
 *   magic "EDGK" | type u32 | sequence u32 | length u32 | payload, `length` bytes | CRC-32 u32
 *
 * The CRC (zlib's, IEEE 802.3) covers everything between magic and itself. An answer carries the
 * sequence number of its request. Whatever does not begin with the magic is skipped.
 *
 *   HELLO        empty
 *   HELLO_ANSWER version u32, arena bytes u32, stack limit bytes u32, counts cycles u32,
 *                inputs u32, outputs u32, core length u32, core, image length u32, image (the hash
 *                of what the firmware was built from); then for each input and output:
 *                bytes u32, type u32, rank u32, shape u32 x rank, scale f32, zero point i32,
 *                name length u32, name
 *   RUN          the bytes of each input, one input after the other
 *   RUN_ANSWER   stack bytes u32, cycles u32, the bytes of each output
 *   ERROR        code u32: the request was not carried out
 *   FAULT        pc u32, lr u32, cause u32 (CFSR or mcause), address u32: the core has stopped */
#ifndef EDGEKD_PROTOCOL_H
#define EDGEKD_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#define PROTOCOL_VERSION 1u

enum frame_type {
    FRAME_HELLO = 1,
    FRAME_RUN = 2,
    FRAME_HELLO_ANSWER = 0x81,
    FRAME_RUN_ANSWER = 0x82,
    FRAME_ERROR = 0xE0,
    FRAME_FAULT = 0xF0
};

enum frame_error {
    ERROR_DAMAGED = 1, /* cut short, or another CRC */
    ERROR_LENGTH = 2,  /* not the length of this type of request */
    ERROR_TYPE = 3,    /* no such request */
    ERROR_STACK = 4    /* the inference ran out of stack; its outputs cannot be trusted */
};

/* Waits for one request and answers it; false at the end of the stream. */
bool protocol_answer(bool counts_cycles);

void protocol_tell_fault(uint32_t pc, uint32_t lr, uint32_t cause, uint32_t address);

#endif
