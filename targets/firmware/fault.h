/* What happens when the core cannot go on. */
#ifndef EDGEKD_FAULT_H
#define EDGEKD_FAULT_H

/* Stands in the vector table (Cortex-M) or in mtvec (RISC-V). */
void edgekd_fault_entry(void);

#endif
