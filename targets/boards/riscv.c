/* Start-up of every RV32 core in machine mode: stack, trap vector, variables, then main. */
#include <stdint.h>

#include "fault.h"

/* From the linker script. */
extern uint32_t edgekd_data_start[], edgekd_data_end[], edgekd_data_load[];
extern uint32_t edgekd_bss_start[], edgekd_bss_end[];
extern uint32_t edgekd_harness_bss_start[], edgekd_harness_bss_end[];

int main(void);
void edgekd_reset(void);
void board_init(void);

__attribute__((weak)) void board_init(void) {}

static void clear(uint32_t *word, const uint32_t *end) {
    while (word < end) {
        *word++ = 0;
    }
}

__attribute__((used, noreturn)) static void start(void) {
    __asm__ volatile(".option push\n .option arch, +zicsr\n"
                     "csrw mtvec, %0\n .option pop" ::"r"(edgekd_fault_entry));
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

/* The section that the linker script puts where the core begins. */
__attribute__((section(".vectors"), naked, used)) void edgekd_reset(void) {
    __asm__ volatile("la sp, edgekd_stack_top\n"
                     "j start");
}
