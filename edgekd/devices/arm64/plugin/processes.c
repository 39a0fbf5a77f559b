/*
 * Watches a program under QEMU's user mode: instructions retired inside marked regions, and the
 * resident memory that loading a model adds. For the plugin interface see tcg.h. Options:
 *
 *     out=FILE     where the findings are written when the program ends
 *     opened=NAME  name of the model's file as the program opens it, which begins the watch over
 *                  the memory
 *     model=PATH   the same file as it is shown where it is mapped
 *     guest=HEX    host address of the guest's address 0 (-B); all of the guest's memory, and
 *                  nothing of the emulator's own, lies in the SIZE bytes from there
 *     size=HEX     SIZE (-R)
 *     baseline=N   first argument of a marker that opens an empty region: the markers' own cost
 *     begin=N      of one that opens a region
 *     end=N        of one that closes either
 *     warmup=N     after so many of a kind, the region with fewest instructions is written by block
 *
 * A marker is a call of getpgid or ioctl with such an argument, which does nothing else. What runs
 * between the system call of one marker and that of the next is counted, the latter included.
 *
 * Each block of translated code has a counter that it increments in line when it is entered. In user
 * mode a block that is entered runs to its end: system calls are the last instruction of theirs, and
 * a region in which a fault or a signal cuts one short does not end well.
 *
 * All threads' instructions are in the counters, so a region is disturbed where a thread other than
 * its own runs: one that waits in a system call does not.
 *
 * Memory can only shrink in five system calls, so its peak is the largest size seen before one of
 * them and at the end of the watch, which is the first region. Of mapped files only the model counts:
 * the others are the runtime's code, which comes in as it is first run.
 */

#include "tcg.h"

enum { BUCKETS = 1 << 17, MAX_REGIONS = 4096, MAX_THREADS = 256, LINE_BYTES = 8192 };
/* System calls of Linux on ARM64: include/uapi/asm-generic/unistd.h. */
enum { IOCTL = 29, OPENAT = 56, GETPGID = 155 };
enum { BRK = 214, MUNMAP = 215, MREMAP = 216, MMAP = 222, MADVISE = 233 };

/* Translated code holds pointers to it: it is never moved. */
struct block {
    uint64_t address, instructions, executed;
    uint64_t least, least_empty; /* executions in the region of the kind with fewest instructions */
    struct block *bucket, *next;
};

static const char *output, *opened, *model;
static uint64_t guest, size, baseline_marker, begin_marker, end_marker, warmup;

static struct block *buckets[BUCKETS], *blocks;

enum state { OUTSIDE, IN_EMPTY, IN_REGION };
static enum state state;
static struct {
    enum state kind;
    uint64_t instructions;
} regions[MAX_REGIONS];
static size_t region_count, closed[IN_REGION + 1];
static uint64_t fewest[IN_REGION + 1] = {0, UINT64_MAX, UINT64_MAX};
static enum { ABSENT, RUNNING, WAITING } threads[MAX_THREADS];
static unsigned int own_thread, disturbed;

enum watch { NOT_OPENED, WATCHING, OVER };
static enum watch watch;
static uint64_t resident_before, resident_peak;

/* Code is translated again when the emulator's cache is full: the block is the same one then. */
static struct block *block_of(uint64_t address, uint64_t instructions)
{
    struct block **bucket = &buckets[(address >> 2) % BUCKETS];
    struct block *block;
    for (block = *bucket; block != NULL; block = block->bucket) {
        if (block->address == address && block->instructions == instructions) {
            return block;
        }
    }
    block = memset(grown(NULL, 1, sizeof *block), 0, sizeof *block);
    block->address = address;
    block->instructions = instructions;
    block->bucket = *bucket;
    block->next = blocks;
    return *bucket = blocks = block;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    struct block *block = block_of(qemu_plugin_tb_vaddr(tb), qemu_plugin_tb_n_insns(tb));
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->executed, 1);
}

struct mapping {
    uint64_t start, stop, offset;
    const char *path; /* empty where it is of no file */
};

/* Reads a line of proc_pid_maps(5) or proc_pid_smaps(5) that begins a mapping. */
static int read_mapping(char *line, struct mapping *mapping)
{
    int path = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &mapping->start,
               &mapping->stop, &mapping->offset, &path) != 3 || path == 0) {
        return 0;
    }
    line[strcspn(line, "\n")] = '\0';
    mapping->path = line + path;
    return 1;
}

static int is_guest(const struct mapping *mapping)
{
    return mapping->start >= guest && mapping->stop <= guest + size;
}

/* Resident bytes of the guest without its code. */
static uint64_t resident(void)
{
    static char line[LINE_BYTES];
    FILE *file = fopen("/proc/self/smaps", "r");
    struct mapping mapping;
    uint64_t kilobytes, bytes = 0;
    int counted = 0;
    if (file == NULL) {
        fail("the memory of this process cannot be read");
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (read_mapping(line, &mapping)) {
            counted = is_guest(&mapping) &&
                      (mapping.path[0] != '/' || strcmp(mapping.path, model) == 0);
        } else if (counted && sscanf(line, "Rss: %" SCNu64, &kilobytes) == 1) {
            bytes += kilobytes * 1024;
        }
    }
    fclose(file);
    return bytes;
}

static void look_at_memory(void)
{
    uint64_t bytes = resident();
    resident_peak = bytes > resident_peak ? bytes : resident_peak;
}

static int opens_model(uint64_t path)
{
    /* In user mode the guest's memory is the emulator's, at an offset. */
    const char *name = (const char *)(uintptr_t)(guest + path);
    const char *slash = path == 0 || path >= size ? NULL : strrchr(name, '/');
    return path != 0 && path < size && strcmp(slash ? slash + 1 : name, opened) == 0;
}

/* Whether a thread other than the region's runs, or may run. */
static int others_run(void)
{
    for (unsigned int i = 0; i < MAX_THREADS; i++) {
        if (i != own_thread && threads[i] == RUNNING) {
            return 1;
        }
    }
    return 0;
}

static void open_region(enum state kind, unsigned int cpu)
{
    struct block *block;
    if (watch == WATCHING) {
        look_at_memory();
        watch = OVER;
    }
    for (block = blocks; block != NULL; block = block->next) {
        block->executed = 0;
    }
    state = kind;
    own_thread = cpu;
    disturbed += others_run();
}

static void close_region(void)
{
    struct block *block;
    uint64_t sum = 0;
    if (state == OUTSIDE) {
        return;
    }
    if (region_count == MAX_REGIONS) {
        fail("too many regions");
    }
    for (block = blocks; block != NULL; block = block->next) {
        sum += block->executed * block->instructions;
    }
    if (closed[state]++ >= warmup && sum < fewest[state]) {
        fewest[state] = sum;
        for (block = blocks; block != NULL; block = block->next) {
            *(state == IN_REGION ? &block->least : &block->least_empty) = block->executed;
        }
    }
    regions[region_count].kind = state;
    regions[region_count++].instructions = sum;
    state = OUTSIDE;
}

static void set_thread(unsigned int cpu, int now)
{
    if (cpu >= MAX_THREADS) {
        fail("too many threads");
    }
    threads[cpu] = now;
    if (state != OUTSIDE && cpu != own_thread && now == RUNNING) {
        disturbed++;
    }
}

static void on_syscall(qemu_plugin_id_t id, unsigned int cpu, int64_t number, uint64_t a1,
                       uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
                       uint64_t a7, uint64_t a8)
{
    (void)id, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    set_thread(cpu, WAITING);
    if (number == GETPGID || number == IOCTL) {
        if (a1 == baseline_marker || a1 == begin_marker) {
            open_region(a1 == begin_marker ? IN_REGION : IN_EMPTY, cpu);
        } else if (a1 == end_marker) {
            close_region();
        }
    } else if (number == OPENAT && watch == NOT_OPENED && opens_model(a2)) {
        watch = WATCHING;
        resident_before = resident_peak = resident();
    } else if (watch == WATCHING && (number == BRK || number == MUNMAP || number == MREMAP ||
                                     number == MMAP || number == MADVISE)) {
        look_at_memory();
    }
}

static void on_syscall_return(qemu_plugin_id_t id, unsigned int cpu, int64_t number, int64_t result)
{
    (void)id, (void)number, (void)result;
    set_thread(cpu, RUNNING);
}

static void on_thread(qemu_plugin_id_t id, unsigned int cpu)
{
    (void)id, set_thread(cpu, RUNNING);
}

static void on_thread_exit(qemu_plugin_id_t id, unsigned int cpu)
{
    (void)id, set_thread(cpu, ABSENT);
}

/* Files that lie in the guest's memory, by which its addresses can be named. */
static void write_files(FILE *file)
{
    static char line[LINE_BYTES];
    FILE *maps = fopen("/proc/self/maps", "r");
    struct mapping mapping;
    if (maps == NULL) {
        fail("the memory of this process cannot be read");
    }
    while (fgets(line, sizeof line, maps) != NULL) {
        if (read_mapping(line, &mapping) && is_guest(&mapping) && mapping.path[0] == '/') {
            fprintf(file, "file %" PRIx64 " %" PRIx64 " %" PRIx64 " %s\n", mapping.start - guest,
                    mapping.stop - guest, mapping.offset, mapping.path);
        }
    }
    fclose(maps);
}

static void on_exit(qemu_plugin_id_t id, void *data)
{
    struct block *block;
    FILE *file = fopen(output, "w");
    (void)id, (void)data;
    if (file == NULL) {
        fail("the output file cannot be written");
    }
    fprintf(file, "edgekd-processes 1\ndisturbed %u\n", disturbed);
    if (watch == OVER) {
        fprintf(file, "memory %" PRIu64 " %" PRIu64 "\n", resident_before, resident_peak);
    }
    for (size_t i = 0; i < region_count; i++) {
        fprintf(file, "%s %" PRIu64 "\n", regions[i].kind == IN_REGION ? "region" : "empty",
                regions[i].instructions);
    }
    for (block = blocks; block != NULL; block = block->next) {
        if (block->least != 0 || block->least_empty != 0) {
            fprintf(file, "block %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                    block->address, block->instructions, block->least, block->least_empty);
        }
    }
    write_files(file);
    fprintf(file, "done\n");
    if (fclose(file) != 0) {
        fail("the output file cannot be written");
    }
}

static int read_option(const char *option)
{
    static const struct {
        const char *name;
        const char **value;
    } texts[] = {{"out=", &output}, {"opened=", &opened}, {"model=", &model}};
    static const struct {
        const char *name;
        uint64_t *value;
        int base;
    } numbers[] = {
        {"guest=", &guest, 16},          {"size=", &size, 16},
        {"baseline=", &baseline_marker, 10}, {"begin=", &begin_marker, 10},
        {"end=", &end_marker, 10},           {"warmup=", &warmup, 10},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t length = strlen(texts[i].name);
        if (strncmp(option, texts[i].name, length) == 0) {
            *texts[i].value = kept(option + length);
            return 1;
        }
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        size_t length = strlen(numbers[i].name);
        if (strncmp(option, numbers[i].name, length) == 0) {
            char *end;
            *numbers[i].value = strtoull(option + length, &end, numbers[i].base);
            return *end == '\0' && end != option + length;
        }
    }
    return 0;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
                               char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!read_option(argv[i])) {
            fail(argv[i]);
        }
    }
    if (!output || !opened || !model || !guest || !size || !baseline_marker || !begin_marker || !end_marker) {
        fail("an option is missing");
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    qemu_plugin_register_vcpu_syscall_ret_cb(id, on_syscall_return);
    qemu_plugin_register_vcpu_init_cb(id, on_thread);
    qemu_plugin_register_vcpu_exit_cb(id, on_thread_exit);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return 0;
}
