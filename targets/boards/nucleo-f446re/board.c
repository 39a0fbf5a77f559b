/* ST NUCLEO-F446RE: the core at 16 MHz, and USART2 on PA2 and PA3, which the ST-LINK on the board
 * shows as a serial port of its USB.
 *
 * Not yet run on a board. Sources: RM0390 (reference manual of the STM32F446): memory map, and the
 * registers of RCC, GPIO and USART; the data sheet's table of alternate functions; Armv7-M
 * Architecture Reference Manual, B3.3 (SysTick).
 *
 * The clock is the one of the reset: the internal oscillator HSI, 16 MHz, undivided for core and
 * buses, at which the flash needs no wait states. ST trims it to 1 % at 25 degrees Celsius: no time
 * that is derived from it is better than that. */
#include "uart.h"

enum { CLOCK_HZ = 16000000, BAUD_RATE = 115200 };

/* Reset and clock control. */
#define RCC_AHB1ENR (*(volatile uint32_t *)0x40023830u)
#define RCC_AHB1ENR_GPIOAEN (1u << 0)
#define RCC_APB1ENR (*(volatile uint32_t *)0x40023840u)
#define RCC_APB1ENR_USART2EN (1u << 17)

/* Pins of port A: two bits a pin, in AFRL four. */
#define GPIOA_MODER (*(volatile uint32_t *)0x40020000u)
#define GPIOA_PUPDR (*(volatile uint32_t *)0x4002000Cu)
#define GPIOA_AFRL (*(volatile uint32_t *)0x40020020u)
#define MODE_ALTERNATE 2u
#define PULL_UP 1u
#define ALTERNATE_USART2 7u

#define USART2_SR (*(volatile uint32_t *)0x40004400u)
#define USART2_DR (*(volatile uint32_t *)0x40004404u)
#define USART2_BRR (*(volatile uint32_t *)0x40004408u)
#define USART2_CR1 (*(volatile uint32_t *)0x4000440Cu)
#define USART_SR_ORE (1u << 3)
#define USART_SR_RXNE (1u << 5)
#define USART_SR_TXE (1u << 7)
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_CR1_UE (1u << 13)

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define SYST_CSR_ENABLE (1u << 0)
#define SYST_CSR_CLKSOURCE_CORE (1u << 2)
#define SYST_CSR_COUNTFLAG (1u << 16)

static uint32_t with_field(uint32_t word, uint32_t pin, uint32_t width, uint32_t value) {
    uint32_t mask = (1u << width) - 1u;
    return (word & ~(mask << pin * width)) | value << pin * width;
}

static void start_pins(void) {
    for (uint32_t pin = 2; pin <= 3; ++pin) {
        GPIOA_AFRL = with_field(GPIOA_AFRL, pin, 4, ALTERNATE_USART2);
        GPIOA_PUPDR = with_field(GPIOA_PUPDR, pin, 2, PULL_UP);
        GPIOA_MODER = with_field(GPIOA_MODER, pin, 2, MODE_ALTERNATE);
    }
}

void board_init(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOAEN;
    RCC_APB1ENR |= RCC_APB1ENR_USART2EN;
    /* A unit answers two cycles after its clock is on: read back to wait. */
    (void)RCC_APB1ENR;
    USART2_BRR = (CLOCK_HZ + BAUD_RATE / 2) / BAUD_RATE;
    USART2_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE;
    start_pins();
    /* Half a second. No interrupt: it only sets a flag, and costs an inference no cycle. */
    SYST_RVR = CLOCK_HZ / 2 - 1;
    SYST_CSR = SYST_CSR_ENABLE | SYST_CSR_CLKSOURCE_CORE;
}

int uart_getc(void) {
    /* Writing starts the count anew and clears its flag. */
    SYST_CVR = 0;
    while (!(SYST_CSR & SYST_CSR_COUNTFLAG)) {
        uint32_t status = USART2_SR;
        if (status & (USART_SR_RXNE | USART_SR_ORE)) {
            /* Reading both registers also ends an overrun; the check sum finds what it lost. */
            uint32_t data = USART2_DR;
            if (status & USART_SR_RXNE) {
                return (int)(data & 0xFFu);
            }
        }
    }
    return -1;
}

void uart_putc(uint8_t byte) {
    while (!(USART2_SR & USART_SR_TXE)) {
    }
    USART2_DR = byte;
}
