/* Runs a generated C library on any 64-bit ARM Linux kernel and prints one result as JSON: see
 * result.schema.json beside this folder.
 *
 * bench PASS RUN_ID WARMUP ITERATIONS INPUTS
 *
 * INPUTS holds, for each sample, the bytes of all inputs. A latency pass goes round the samples, an
 * outputs pass runs each once. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

#ifndef EDGEKD_IMAGE
#error "EDGEKD_IMAGE must be the hash of what this program is built from"
#endif

enum { NANOSECONDS_PER_MILLISECOND = 1000000, NANOSECONDS_PER_SECOND = 1000000000 };
enum { MAXIMUM_ITERATIONS = 1000000, RUN_ID_LENGTH = 32, BYTES_PER_KIBIBYTE = 1024 };

static const char *const dtypes[] = {"",      "int8",    "uint8", "int16",
                                     "int32", "float32", "bool",  "int64"};

struct samples {
    uint8_t *data;
    uint32_t bytes; /* of one sample */
    uint32_t count;
};

static void begin(const char *pass, const char *run_id) {
    printf("{\"schema\":1,\"run_id\":\"%s\",\"pass\":\"%s\",\"application\":\"edgekd-bench 1\","
           "\"engine\":{\"name\":\"c\"},\"threads\":1,\"model_sha256\":\"%s\"",
           run_id, pass, EDGEKD_IMAGE);
}

static int end(void) {
    printf("}\n");
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int fail(const char *reason, const char *message) {
    printf(",\"error\":{\"reason\":\"%s\",\"message\":\"%s\"}", reason, message);
    return end();
}

static bool is_pass(const char *text) {
    return strcmp(text, "latency") == 0 || strcmp(text, "memory") == 0 ||
           strcmp(text, "outputs") == 0;
}

static bool is_run_id(const char *text) {
    return strlen(text) == RUN_ID_LENGTH && strspn(text, "0123456789abcdef") == RUN_ID_LENGTH;
}

static bool parse_count(const char *text, long maximum, long *value) {
    char *rest = NULL;
    *value = strtol(text, &rest, 10);
    return rest != text && *rest == '\0' && *value >= 0 && *value <= maximum;
}

static bool read_samples(const char *path, struct samples *samples) {
    samples->bytes = 0;
    for (int index = 0; index < MODEL_INPUT_COUNT; ++index) {
        samples->bytes += model_inputs[index].bytes;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    bool whole = false;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size > 0 && size % samples->bytes == 0 && fseek(file, 0, SEEK_SET) == 0) {
        samples->count = (uint32_t)(size / samples->bytes);
        samples->data = malloc((size_t)size);
        whole = samples->data != NULL && fread(samples->data, 1, (size_t)size, file) == (size_t)size;
    }
    fclose(file);
    return whole;
}

static void load_sample(const struct samples *samples, long index) {
    const uint8_t *source = samples->data + (size_t)(index % samples->count) * samples->bytes;
    for (int input = 0; input < MODEL_INPUT_COUNT; ++input) {
        memcpy(model_arena + model_inputs[input].offset, source, model_inputs[input].bytes);
        source += model_inputs[input].bytes;
    }
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(const double *samples, long count) {
    double *sorted = malloc((size_t)count * sizeof *sorted);
    if (sorted == NULL) {
        return samples[0];
    }
    memcpy(sorted, samples, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    double middle = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    free(sorted);
    return middle;
}

static int latency(const struct samples *samples, long warmup, long iterations) {
    double *taken = malloc((size_t)iterations * sizeof *taken);
    if (taken == NULL || iterations < 1) {
        return fail("request", "there is nothing to time, or no memory for the samples");
    }
    for (long index = 0; index < warmup; ++index) {
        load_sample(samples, index);
        model_run(model_arena);
    }
    for (long index = 0; index < iterations; ++index) {
        load_sample(samples, index);
        int64_t start = nanoseconds();
        model_run(model_arena);
        taken[index] = (double)(nanoseconds() - start) / NANOSECONDS_PER_MILLISECOND;
    }
    printf(",\"latency_ms\":{\"p50\":%.6f,\"n\":%ld,\"warmup\":%ld,\"samples\":[",
           median(taken, iterations), iterations, warmup);
    for (long index = 0; index < iterations; ++index) {
        printf("%s%.6f", index == 0 ? "" : ",", taken[index]);
    }
    printf("]}");
    return end();
}

/* The figure of this name in a file of /proc, in bytes; 0 where there is none. */
static int64_t proc_bytes(const char *path, const char *name) {
    char line[256];
    int64_t kibibytes = 0;
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            kibibytes = strtol(line + strlen(name), NULL, 10);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kibibytes * BYTES_PER_KIBIBYTE;
}

static int memory(const struct samples *samples) {
    load_sample(samples, 0);
    model_run(model_arena);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf(",\"memory\":{\"peak_rss_bytes\":%" PRId64 ",\"arena_bytes\":%u",
           (int64_t)usage.ru_maxrss * BYTES_PER_KIBIBYTE, MODEL_ARENA_BYTES);
    int64_t proportional = proc_bytes("/proc/self/smaps_rollup", "Pss:");
    if (proportional > 0) {
        printf(",\"pss_bytes\":%" PRId64, proportional);
    }
    printf("}");
    return end();
}

struct base64 {
    uint32_t bits;
    int count; /* bytes in bits */
};

static void base64_put(struct base64 *state, int characters) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = state->bits << (8 * (3 - state->count));
    for (int index = 0; index < 4; ++index) {
        putchar(index < characters ? alphabet[bits >> (18 - 6 * index) & 63] : '=');
    }
    state->bits = 0;
    state->count = 0;
}

static void base64_add(struct base64 *state, const uint8_t *data, uint32_t bytes) {
    for (uint32_t index = 0; index < bytes; ++index) {
        state->bits = state->bits << 8 | data[index];
        if (++state->count == 3) {
            base64_put(state, 4);
        }
    }
}

static void print_name(const char *name) {
    for (; *name != '\0'; ++name) {
        if (*name != '"' && *name != '\\' && (unsigned char)*name >= ' ') {
            putchar(*name);
        }
    }
}

static void print_output(const struct samples *samples, const struct model_tensor *output) {
    printf("{\"name\":\"");
    print_name(output->name);
    printf("\",\"dtype\":\"%s\",\"shape\":[%u", dtypes[output->type], samples->count);
    /* As everywhere: a leading batch of 1 is left out. */
    for (int axis = output->rank > 0 && output->shape[0] == 1; axis < output->rank; ++axis) {
        printf(",%u", output->shape[axis]);
    }
    printf("],\"data\":\"");
    struct base64 state = {0, 0};
    for (uint32_t index = 0; index < samples->count; ++index) {
        load_sample(samples, index);
        model_run(model_arena);
        base64_add(&state, model_arena + output->offset, output->bytes);
    }
    if (state.count > 0) {
        base64_put(&state, state.count + 1);
    }
    printf("\"}");
}

static int outputs(const struct samples *samples) {
    printf(",\"outputs\":[");
    for (int index = 0; index < MODEL_OUTPUT_COUNT; ++index) {
        printf("%s", index == 0 ? "" : ",");
        print_output(samples, &model_outputs[index]);
    }
    printf("]");
    return end();
}

int main(int count, char **words) {
    long warmup = 0;
    long iterations = 0;
    if (count != 6 || !is_pass(words[1]) || !is_run_id(words[2])) {
        fprintf(stderr, "usage: bench latency|memory|outputs RUN_ID WARMUP ITERATIONS INPUTS\n");
        return EXIT_FAILURE;
    }
    /* A connection that breaks ends the shell that started this: what runs on would take time from
     * the next repetition. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char *pass = words[1];
    begin(pass, words[2]);
    if (!parse_count(words[3], MAXIMUM_ITERATIONS, &warmup) ||
        !parse_count(words[4], MAXIMUM_ITERATIONS, &iterations)) {
        return fail("request", "warm-up or iterations are no count");
    }
    struct samples samples = {0};
    if (!read_samples(words[5], &samples)) {
        return fail("inputs", "the file of inputs is missing or does not hold whole samples");
    }
    if (strcmp(pass, "latency") == 0) {
        return latency(&samples, warmup, iterations);
    }
    if (strcmp(pass, "memory") == 0) {
        return memory(&samples);
    }
    return outputs(&samples);
}
