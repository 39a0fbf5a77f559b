/*
 * A clock for the emulator that does not depend on time, loaded before the C library (LD_PRELOAD):
 * each look at it finds it a microsecond later. The guest's clock is the emulator's.
 *
 * Runtimes do things now and then by the clock. ONNX Runtime sums up statistics of its own after 2,
 * 4, 8... seconds, which would be counted in whatever inference runs then.
 */

#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

enum { STEP = 1000, NANOSECONDS = 1000000000 };
static const int64_t start = 1700000000;

static int64_t passed(void)
{
    static int64_t nanoseconds;
    return __atomic_add_fetch(&nanoseconds, STEP, __ATOMIC_RELAXED);
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t nanoseconds = passed();
    (void)clock;
    now->tv_sec = start + nanoseconds / NANOSECONDS;
    now->tv_nsec = nanoseconds % NANOSECONDS;
    return 0;
}

EXPORT int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int64_t nanoseconds = passed();
    (void)zone;
    now->tv_sec = start + nanoseconds / NANOSECONDS;
    now->tv_usec = nanoseconds % NANOSECONDS / 1000;
    return 0;
}
