/* Source: Armv7-M Architecture Reference Manual, C1.6.5 (DEMCR) and C1.8 (DWT). */
#include "cycles.h"

#if defined(__arm__) && __ARM_ARCH >= 7

#define DEMCR (*(volatile uint32_t *)0xE000EDFCu)
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL (*(volatile uint32_t *)0xE0001000u)
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_CYCCNT (*(volatile uint32_t *)0xE0001004u)
/* Cortex-M7 and some others lock the unit against software. */
#define DWT_LAR (*(volatile uint32_t *)0xE0001FB0u)
#define DWT_LAR_KEY 0xC5ACCE55u

uint32_t cycles_now(void) { return DWT_CYCCNT; }

bool cycles_start(void) {
    DEMCR |= DEMCR_TRCENA;
    DWT_LAR = DWT_LAR_KEY;
    DWT_CYCCNT = 0;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    uint32_t before = DWT_CYCCNT;
    for (volatile int pause = 0; pause < 16; ++pause) {
    }
    return DWT_CYCCNT != before;
}

#else

uint32_t cycles_now(void) { return 0; }

bool cycles_start(void) { return false; }

#endif
