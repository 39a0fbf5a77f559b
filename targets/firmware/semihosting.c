/* Transport of emulators: two files in the emulator's working folder, read and written in blocks.
 *
 * Source: "Semihosting for AArch32 and AArch64" (Arm), and the RISC-V semihosting specification,
 * which takes its operations over. An error is a status of the program: there is nobody to tell. */
#include "transport.h"

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { OPEN_READ_BINARY = 1, OPEN_WRITE_BINARY = 5 };
enum { STOPPED_APPLICATION_EXIT = 0x20026, STATUS_TRANSPORT = 3 };

/* A file waits. */
const uint32_t transport_block_bytes = UINT32_MAX;

static intptr_t requests;
static intptr_t answers;
static bool is_open;
static bool ended;

static intptr_t call(int operation, const void *parameters) {
#if defined(__arm__)
    register int number __asm__("r0") = operation;
    register const void *block __asm__("r1") = parameters;
    __asm__ volatile("bkpt 0xab" : "+r"(number) : "r"(block) : "memory");
    return number;
#elif defined(__riscv)
    register int number __asm__("a0") = operation;
    register const void *block __asm__("a1") = parameters;
    /* The three instructions are the mark that is looked for: uncompressed, and in one page. */
    __asm__ volatile(".option push\n .option norvc\n .balign 16\n"
                     "slli x0, x0, 0x1f\n ebreak\n srai x0, x0, 7\n .option pop"
                     : "+r"(number)
                     : "r"(block)
                     : "memory");
    return number;
#else
#error "semihosting is known for Arm and RISC-V"
#endif
}

static intptr_t open_file(const char *name, uintptr_t length, uintptr_t mode) {
    const uintptr_t parameters[3] = {(uintptr_t)name, mode, length};
    intptr_t handle = call(SYS_OPEN, parameters);
    if (handle == -1) {
        transport_close(STATUS_TRANSPORT);
    }
    return handle;
}

/* A fault may come before main has opened anything, so this may be called twice. */
void transport_open(void) {
    static const char requests_name[] = "requests";
    static const char answers_name[] = "answers";
    if (is_open) {
        return;
    }
    is_open = true;
    requests = open_file(requests_name, sizeof requests_name - 1, OPEN_READ_BINARY);
    answers = open_file(answers_name, sizeof answers_name - 1, OPEN_WRITE_BINARY);
}

uint32_t transport_read(void *data, uint32_t bytes) {
    const uintptr_t parameters[3] = {(uintptr_t)requests, (uintptr_t)data, bytes};
    if (bytes == 0) {
        return 0;
    }
    /* The answer is the number of bytes that are missing. */
    uint32_t missing = (uint32_t)call(SYS_READ, parameters);
    if (missing > bytes) {
        transport_close(STATUS_TRANSPORT);
    }
    ended = missing != 0;
    return bytes - missing;
}

bool transport_ended(void) { return ended; }

void transport_write(const void *data, uint32_t bytes) {
    const uintptr_t parameters[3] = {(uintptr_t)answers, (uintptr_t)data, bytes};
    if (call(SYS_WRITE, parameters) != 0) {
        transport_close(STATUS_TRANSPORT);
    }
}

void transport_close(int status) {
    const uintptr_t parameters[2] = {STOPPED_APPLICATION_EXIT, (uintptr_t)status};
    for (;;) {
        call(SYS_EXIT_EXTENDED, parameters);
    }
}
