/* Paints the free stack, runs one inference, and looks how far down the paint was overwritten. */
#include "stack.h"

#include "cycles.h"
#include "region.h"

#define PAINT 0x5AC3A53Cu
/* A frame does not write all of its words: one that went beyond the limit wrote some of these. */
enum { GUARD_WORDS = 32 };
#if defined(__riscv)
#define READ_STACK_POINTER "mv %0, sp"
#else
#define READ_STACK_POINTER "mov %0, sp"
#endif

/* From the linker script. */
extern uint32_t edgekd_stack_limit[];
extern uint32_t edgekd_stack_top[];

uint32_t stack_limit_bytes(void) {
    return (uint32_t)((uintptr_t)edgekd_stack_top - (uintptr_t)edgekd_stack_limit);
}

/* noipa: the frame below which is painted must be this function's own. */
__attribute__((noipa)) void stack_run(uint8_t *arena, struct stack_run *run) {
    /* Through an integer: this is all of the free stack, not the symbol's one word. */
    volatile uint32_t *const limit = (volatile uint32_t *)(uintptr_t)edgekd_stack_limit;
    uintptr_t top;
    __asm__ volatile(READ_STACK_POINTER : "=r"(top));
    volatile uint32_t *word;
    for (word = limit; (uintptr_t)word < top; ++word) {
        *word = PAINT;
    }
    uint32_t start = cycles_now();
    edgekd_region(arena);
    run->cycles = cycles_now() - start;
    for (word = limit; (uintptr_t)word < top && *word == PAINT; ++word) {
    }
    run->stack_bytes = (uint32_t)(top - (uintptr_t)word);
    run->exhausted = word < limit + GUARD_WORDS;
}
