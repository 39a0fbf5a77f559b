/*
 * Counts the instructions that an emulated processor retires inside a region of its program.
 *
 * A plugin of QEMU's TCG plugin API, version 1 (docs/devel/tcg-plugins.rst of QEMU 7.2). Its options:
 *
 *     begin=START:STOP   function whose entry opens a run of the region
 *     end=START:STOP     function whose entry closes it
 *     layer=START        entry of a layer: what follows is counted as that layer's (repeatable)
 *     out=FILE           where the counts are written when the emulator ends
 *
 * Both markers' own instructions are left out. Addresses are hexadecimal, without the Thumb bit.
 *
 * Each instruction has a counter that the translated code increments in line, so a block that is
 * left in the middle is still counted right. Where one block of code is not followed by the next
 * in memory, the branch at its end was taken; a conditional branch costs a core more then, so this
 * is counted too. Counters are moved to the totals of a layer when the next layer begins.
 */

#include "tcg.h"

enum { CHUNK = 4096, MAX_CHUNKS = 4096, BUCKETS = 1 << 16, MAX_LAYERS = 1024 };

struct range {
    uint64_t start, stop;
};

/* One instruction of the guest. Translated code holds pointers to it: it is never moved. */
struct counter {
    uint64_t address, executed, taken;
    struct counter *next; /* of the same bucket */
};

struct total {
    uint64_t executed, taken;
};

struct block {
    uint64_t start, following; /* first address, and the one behind the last instruction */
    struct counter *last;      /* null in a marker */
};

static struct range begin_marker, end_marker;
static uint64_t layer_entries[MAX_LAYERS];
static size_t layer_count;
static const char *output;

static struct counter *chunks[MAX_CHUNKS];
static size_t counter_count;
static struct counter *buckets[BUCKETS];

/* Totals of each layer, indexed as the counters are; 0 is what ran before any layer. */
static struct total *totals[MAX_LAYERS + 1];
static size_t totals_length[MAX_LAYERS + 1];
static uint64_t *runs;
static size_t run_count, run_capacity;

static int inside;
static size_t current_layer;
static uint64_t run_total;
static const struct block *previous;

static int within(const struct range *range, uint64_t address)
{
    return address >= range->start && address < range->stop;
}

static struct counter *counter_at(size_t index)
{
    return &chunks[index / CHUNK][index % CHUNK];
}

/* Code is translated again when the emulator's cache is full: the counter is the same one then. */
static struct counter *counter_of(uint64_t address)
{
    struct counter **bucket = &buckets[(address >> 1) % BUCKETS];
    struct counter *counter;
    for (counter = *bucket; counter != NULL; counter = counter->next) {
        if (counter->address == address) {
            return counter;
        }
    }
    if (counter_count % CHUNK == 0) {
        if (counter_count / CHUNK == MAX_CHUNKS) {
            fail("the program is too large");
        }
        chunks[counter_count / CHUNK] = grown(NULL, CHUNK, sizeof(struct counter));
    }
    counter = counter_at(counter_count++);
    counter->address = address;
    counter->executed = counter->taken = 0;
    counter->next = *bucket;
    *bucket = counter;
    return counter;
}

static void clear_counters(void)
{
    for (size_t i = 0; i < counter_count; i++) {
        counter_at(i)->executed = counter_at(i)->taken = 0;
    }
}

static void move_to_totals(void)
{
    struct total *into = totals[current_layer];
    if (totals_length[current_layer] < counter_count) {
        size_t length = totals_length[current_layer];
        into = grown(into, counter_count, sizeof *into);
        memset(into + length, 0, (counter_count - length) * sizeof *into);
        totals[current_layer] = into;
        totals_length[current_layer] = counter_count;
    }
    for (size_t i = 0; i < counter_count; i++) {
        const struct counter *counter = counter_at(i);
        into[i].executed += counter->executed;
        into[i].taken += counter->taken;
        run_total += counter->executed;
    }
    clear_counters();
}

static void on_begin(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    clear_counters();
    inside = 1;
    current_layer = 0;
    run_total = 0;
}

static void on_end(unsigned int cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (!inside) {
        return;
    }
    move_to_totals();
    inside = 0;
    if (run_count == run_capacity) {
        run_capacity = run_capacity ? 2 * run_capacity : 64;
        runs = grown(runs, run_capacity, sizeof *runs);
    }
    runs[run_count++] = run_total;
}

static void on_layer(unsigned int cpu, void *data)
{
    (void)cpu;
    if (inside) {
        move_to_totals();
        current_layer = (size_t)(uintptr_t)data;
    }
}

static void on_block(unsigned int cpu, void *data)
{
    const struct block *block = data;
    (void)cpu;
    if (previous != NULL && previous->last != NULL && previous->following != block->start) {
        previous->last->taken++;
    }
    previous = block;
}

static void watch_entry(struct qemu_plugin_insn *instruction, uint64_t address)
{
    for (size_t i = 0; i < layer_count; i++) {
        if (layer_entries[i] == address) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_layer, QEMU_PLUGIN_CB_NO_REGS,
                                                   (void *)(uintptr_t)(i + 1));
        }
    }
    if (address == begin_marker.start || address == end_marker.start) {
        qemu_plugin_register_vcpu_insn_exec_cb(
            instruction, address == begin_marker.start ? on_begin : on_end,
            QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t length = qemu_plugin_tb_n_insns(tb);
    struct block *block = grown(NULL, 1, sizeof *block);
    (void)id;
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(instruction);
        block->last = NULL;
        if (i == 0) {
            block->start = address;
        }
        block->following = address + qemu_plugin_insn_size(instruction);
        watch_entry(instruction, address);
        if (!within(&begin_marker, address) && !within(&end_marker, address)) {
            block->last = counter_of(address);
            qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64,
                                                       &block->last->executed, 1);
        }
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void on_exit(qemu_plugin_id_t id, void *data)
{
    FILE *file = fopen(output, "w");
    (void)id;
    (void)data;
    if (file == NULL) {
        fail("the output file cannot be written");
    }
    fprintf(file, "edgekd-regions 1\n");
    for (size_t i = 0; i < run_count; i++) {
        fprintf(file, "run %" PRIu64 "\n", runs[i]);
    }
    for (size_t layer = 0; layer <= layer_count; layer++) {
        for (size_t i = 0; i < totals_length[layer]; i++) {
            if (totals[layer][i].executed != 0) {
                fprintf(file, "count %zu %" PRIx64 " %" PRIu64 " %" PRIu64 "\n", layer,
                        counter_at(i)->address, totals[layer][i].executed,
                        totals[layer][i].taken);
            }
        }
    }
    fprintf(file, "end\n");
    if (fclose(file) != 0) {
        fail("the output file cannot be written");
    }
}

static int read_range(const char *text, struct range *range)
{
    return sscanf(text, "%" SCNx64 ":%" SCNx64, &range->start, &range->stop) == 2 &&
           range->start < range->stop;
}

static int read_option(char *option)
{
    if (strncmp(option, "begin=", 6) == 0) {
        return read_range(option + 6, &begin_marker);
    }
    if (strncmp(option, "end=", 4) == 0) {
        return read_range(option + 4, &end_marker);
    }
    if (strncmp(option, "layer=", 6) == 0 && layer_count < MAX_LAYERS) {
        return sscanf(option + 6, "%" SCNx64, &layer_entries[layer_count++]) == 1;
    }
    if (strncmp(option, "out=", 4) == 0) {
        output = kept(option + 4);
        return 1;
    }
    return 0;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
                               char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!read_option(argv[i])) {
            fprintf(stderr, "edgekd regions: the option %s is wrong\n", argv[i]);
            return 1;
        }
    }
    if (begin_marker.stop == 0 || end_marker.stop == 0 || output == NULL) {
        fprintf(stderr, "edgekd regions: begin=, end= and out= are needed\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return 0;
}
