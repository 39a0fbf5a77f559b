/* How much stack one inference needs. */
#ifndef EDGEKD_STACK_H
#define EDGEKD_STACK_H

#include <stdbool.h>
#include <stdint.h>

struct stack_run {
    uint32_t stack_bytes; /* the most that was below the caller's frame */
    uint32_t cycles;      /* of the cycle counter; 0 where there is none */
    bool exhausted;       /* the last words of the stack were overwritten */
};

/* Bytes that the linker script gives to the stack. */
uint32_t stack_limit_bytes(void);

/* One inference on a freshly painted stack. */
void stack_run(uint8_t *arena, struct stack_run *run);

#endif
