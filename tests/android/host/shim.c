/*
 * What Android's C library has and glibc has not, so that libraries built for Android x86-64 run
 * inside a JVM of Linux x86-64. Preloaded.
 *
 * bionic.py renames the imports whose meaning differs between the two libraries to the names with
 * a capital letter below: nothing of the JVM itself is replaced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

/*
 * ExecuTorch brings a C++ runtime, which fbjni uses too: exceptions of one are read by the other.
 * As on Android, both look there first, and not at the C++ runtime that the JVM has brought.
 */
__attribute__((constructor)) static void load_with_its_own_runtime(void) {
    if (!dlopen("libexecutorch.so", RTLD_LAZY | RTLD_DEEPBIND))
        fprintf(stderr, "shim: %s\n", dlerror());
}

/* bionic's FILE; only addresses of the three standard streams are taken. */
struct bionic_file { char opaque[152]; };
struct bionic_file __sF[3];

int *__errno(void) { return __errno_location(); }

static FILE *stream(void *file) {
    if (file == &__sF[0]) return stdin;
    if (file == &__sF[1]) return stdout;
    return file == &__sF[2] ? stderr : file;
}

int Vfprintf(void *file, const char *format, va_list values) {
    return vfprintf(stream(file), format, values);
}

int Fprintf(void *file, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int written = vfprintf(stream(file), format, values);
    va_end(values);
    return written;
}

int Fputc(int character, void *file) { return fputc(character, stream(file)); }
int Fputs(const char *text, void *file) { return fputs(text, stream(file)); }
int Fflush(void *file) { return fflush(stream(file)); }
int Setvbuf(void *file, char *to, int mode, size_t size) {
    return setvbuf(stream(file), to, mode, size);
}
size_t Fwrite(const void *from, size_t size, size_t count, void *file) {
    return fwrite(from, size, count, stream(file));
}

/* The numbers of bionic's sysconf(). */
long Sysconf(int name) {
    switch (name) {
    case 0x00: return sysconf(_SC_ARG_MAX);
    case 0x06: return sysconf(_SC_CLK_TCK);
    case 0x27:
    case 0x28: return sysconf(_SC_PAGESIZE);
    case 0x60: return sysconf(_SC_NPROCESSORS_CONF);
    case 0x61: return sysconf(_SC_NPROCESSORS_ONLN);
    case 0x62: return sysconf(_SC_PHYS_PAGES);
    case 0x63: return sysconf(_SC_AVPHYS_PAGES);
    case 0x48: return sysconf(_SC_GETPW_R_SIZE_MAX);
    default:
        fprintf(stderr, "shim: sysconf(%d) of bionic is not known\n", name);
        errno = EINVAL;
        return -1;
    }
}

extern int __xpg_strerror_r(int number, char *to, size_t size);
/* POSIX's, where glibc's own name is GNU's. */
int Strerror_r(int number, char *to, size_t size) { return __xpg_strerror_r(number, to, size); }
char *__gnu_strerror_r(int number, char *to, size_t size) { return strerror_r(number, to, size); }

/* Without its version table a library would get glibc's oldest condition variables. */
int Pthread_cond_broadcast(pthread_cond_t *c) { return pthread_cond_broadcast(c); }
int Pthread_cond_destroy(pthread_cond_t *c) { return pthread_cond_destroy(c); }
int Pthread_cond_signal(pthread_cond_t *c) { return pthread_cond_signal(c); }
int Pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m) { return pthread_cond_wait(c, m); }
int Pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until) {
    return pthread_cond_timedwait(c, m, until);
}

/* bionic's set of signals has 8 bytes, glibc's 128. */
int Sigfillset(uint64_t *set) {
    *set = UINT64_MAX;
    return 0;
}

int Pthread_sigmask(int how, const uint64_t *set, uint64_t *old) {
    sigset_t wide, before;
    sigemptyset(&wide);
    if (set) memcpy(&wide, set, sizeof *set);
    int status = pthread_sigmask(how, set ? &wide : NULL, &before);
    if (old) memcpy(old, &before, sizeof *old);
    return status;
}

/* Checked forms; the sizes are those that the compiler knew. */
static void check(int fits, const char *name) {
    if (fits) return;
    fprintf(stderr, "shim: %s overruns its buffer\n", name);
    abort();
}

size_t __strlen_chk(const char *text, size_t size) {
    size_t length = strlen(text);
    check(length < size, "strlen");
    return length;
}

char *__strchr_chk(const char *text, int character, size_t size) {
    (void)__strlen_chk(text, size);
    return strchr(text, character);
}

char *__strrchr_chk(const char *text, int character, size_t size) {
    (void)__strlen_chk(text, size);
    return strrchr(text, character);
}

ssize_t __write_chk(int file, const void *from, size_t count, size_t size) {
    check(count <= size, "write");
    return write(file, from, count);
}

int __FD_ISSET_chk(int file, const fd_set *set, size_t size) {
    check(file >= 0 && (size_t)file < 8 * size, "FD_ISSET");
    return FD_ISSET(file, set);
}

void __FD_SET_chk(int file, fd_set *set, size_t size) {
    check(file >= 0 && (size_t)file < 8 * size, "FD_SET");
    FD_SET(file, set);
}

void __assert2(const char *file, int line, const char *function, const char *what) {
    fprintf(stderr, "%s:%d: %s: assertion \"%s\" failed\n", file, line, function, what);
    abort();
}

/* liblog: warnings and above go to standard error. */
enum { WARNING = 5 };

int __android_log_vprint(int priority, const char *tag, const char *format, va_list values) {
    if (priority < WARNING) return 0;
    fprintf(stderr, "%s: ", tag ? tag : "");
    vfprintf(stderr, format, values);
    return fputc('\n', stderr);
}

int __android_log_print(int priority, const char *tag, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int written = __android_log_vprint(priority, tag, format, values);
    va_end(values);
    return written;
}

int __android_log_write(int priority, const char *tag, const char *text) {
    return __android_log_print(priority, tag, "%s", text);
}

void __android_log_assert(const char *condition, const char *tag, const char *format, ...) {
    va_list values;
    va_start(values, format);
    fprintf(stderr, "%s: %s: ", tag ? tag : "", condition ? condition : "");
    if (format) vfprintf(stderr, format, values);
    va_end(values);
    abort();
}

void android_set_abort_message(const char *text) { fprintf(stderr, "%s\n", text ? text : ""); }

/* No property is set: what asks takes its default. */
int __system_property_get(const char *name, char *value) {
    (void)name;
    *value = '\0';
    return 0;
}
