/* A fault tells the host where it happened and ends the program.
 *
 * Source: Armv7-M Architecture Reference Manual, B1.5.6 (the stacked frame) and B3.2.15 (CFSR);
 * RISC-V Privileged Architecture, 3.1 (mepc, mcause, mtval). */
#include "fault.h"

#include <stdint.h>

#include "protocol.h"
#include "transport.h"

enum { FAULT_STACK_WORDS = 256, STATUS_FAULT = 1 };

/* The program's own stack may be what is broken. */
__attribute__((used, aligned(16))) static uint32_t fault_stack[FAULT_STACK_WORDS];

static void tell(uint32_t pc, uint32_t lr, uint32_t cause, uint32_t address) {
    transport_open();
    protocol_tell_fault(pc, lr, cause, address);
    transport_close(STATUS_FAULT);
}

#if defined(__arm__)

#define CFSR (*(volatile uint32_t *)0xE000ED28u)
#define MMFAR (*(volatile uint32_t *)0xE000ED34u)
#define BFAR (*(volatile uint32_t *)0xE000ED38u)
#define CFSR_MMARVALID (1u << 7)
#define CFSR_BFARVALID (1u << 15)
/* MSTKERR, STKERR and STKOF: the frame could not be stored. */
#define CFSR_FRAME_LOST ((1u << 4) | (1u << 12) | (1u << 20))

extern uint32_t edgekd_stack_limit[];
extern uint32_t edgekd_stack_top[];

__attribute__((used, noreturn)) static void report(const uint32_t *frame) {
    uint32_t cause = CFSR;
    uint32_t address = cause & CFSR_BFARVALID ? BFAR : cause & CFSR_MMARVALID ? MMFAR : 0;
    uintptr_t place = (uintptr_t)frame;
    int whole = !(cause & CFSR_FRAME_LOST) && place >= (uintptr_t)edgekd_stack_limit &&
                place + 8 * sizeof *frame <= (uintptr_t)edgekd_stack_top;
    tell(whole ? frame[6] : 0, whole ? frame[5] : 0, cause, address);
    for (;;) {
    }
}

__attribute__((naked)) void edgekd_fault_entry(void) {
    __asm__ volatile("mrs r0, msp\n"
                     "ldr r1, =fault_stack + 1024\n"
                     "msr msp, r1\n"
                     "b report");
}

#elif defined(__riscv)

__attribute__((used, noreturn)) static void report(uint32_t pc, uint32_t lr, uint32_t cause,
                                                   uint32_t address) {
    tell(pc, lr, cause, address);
    for (;;) {
    }
}

/* mtvec takes an address of four bytes' alignment. */
__attribute__((naked, aligned(4))) void edgekd_fault_entry(void) {
    __asm__ volatile(".option push\n .option arch, +zicsr\n"
                     "csrr a0, mepc\n"
                     "mv a1, ra\n"
                     "csrr a2, mcause\n"
                     "csrr a3, mtval\n"
                     ".option pop\n"
                     "la sp, fault_stack + 1024\n"
                     "j report");
}

#endif
