/* Start-up of every Cortex-M: vector table, floating point, variables, then main.
 *
 * A board adds what it needs (clocks, caches, pins) as board_init() in a file of its own folder.
 * Source: Armv7-M Architecture Reference Manual, B1.5.3 (vector table) and B3.2.20 (CPACR);
 * Armv8-M Architecture Reference Manual, D1.2.9 (CCR.LOB). */
#include <stdint.h>

#include "fault.h"

#define CPACR (*(volatile uint32_t *)0xE000ED88u)
#define CPACR_CP10_CP11_FULL (0xFu << 20)
#define CCR (*(volatile uint32_t *)0xE000ED14u)
#define CCR_LOB (1u << 19)

/* From the linker script. */
extern uint32_t edgekd_stack_top[];
extern uint32_t edgekd_data_start[], edgekd_data_end[], edgekd_data_load[];
extern uint32_t edgekd_bss_start[], edgekd_bss_end[];
extern uint32_t edgekd_harness_bss_start[], edgekd_harness_bss_end[];

int main(void);
void edgekd_reset(void);
void board_init(void);

__attribute__((weak)) void board_init(void) {}

typedef void (*vector)(void);

struct vectors {
    uint32_t *stack;
    vector reset;
    vector faults[5]; /* NMI, HardFault, MemManage, BusFault, UsageFault */
    vector others[9]; /* SecureFault and the rest: nothing here enables them */
};

__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
    edgekd_stack_top,
    edgekd_reset,
    {edgekd_fault_entry, edgekd_fault_entry, edgekd_fault_entry, edgekd_fault_entry,
     edgekd_fault_entry},
    {edgekd_fault_entry, edgekd_fault_entry, edgekd_fault_entry, edgekd_fault_entry,
     edgekd_fault_entry, edgekd_fault_entry, edgekd_fault_entry, edgekd_fault_entry,
     edgekd_fault_entry},
};

static void clear(uint32_t *word, const uint32_t *end) {
    while (word < end) {
        *word++ = 0;
    }
}

void edgekd_reset(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    CPACR |= CPACR_CP10_CP11_FULL;
#endif
#if defined(__ARM_FEATURE_MVE)
    /* Without it a low-overhead loop is taken like any other branch. */
    CCR |= CCR_LOB;
#endif
    __asm__ volatile("dsb\n isb" ::: "memory");
    board_init();
    const uint32_t *source = edgekd_data_load;
    for (uint32_t *word = edgekd_data_start; word < edgekd_data_end;) {
        *word++ = *source++;
    }
    clear(edgekd_bss_start, edgekd_bss_end);
    clear(edgekd_harness_bss_start, edgekd_harness_bss_end);
    main();
    for (;;) {
    }
}
