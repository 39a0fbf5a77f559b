/* The frames of protocol.h. Inputs are read straight into the arena and outputs written straight out
 * of it: no buffer of their size is needed, on a board that may not have one. */
#include "protocol.h"

#include "model.h"
#include "stack.h"
#include "transport.h"

#ifndef EDGEKD_CORE
#error "EDGEKD_CORE must name the core"
#endif
#ifndef EDGEKD_IMAGE
#error "EDGEKD_IMAGE must be the hash of what this image is built from"
#endif

static const uint8_t magic[4] = {'E', 'D', 'G', 'K'};
static const char core[] = EDGEKD_CORE;
static const char image[] = EDGEKD_IMAGE;

struct header {
    uint32_t type;
    uint32_t sequence;
    uint32_t length;
};

/* CRC-32, reflected polynomial 0xEDB88320, four bits at a time: a constant table of sixteen entries
 * costs no RAM, and no pause in which a serial port would lose bytes. */
static const uint32_t crc_table[16] = {
    0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
    0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
    0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
static uint32_t crc;

static void crc_start(void) { crc = 0xFFFFFFFFu; }

static void crc_add(const void *data, uint32_t bytes) {
    const uint8_t *source = data;
    uint32_t value = crc;
    for (uint32_t index = 0; index < bytes; ++index) {
        value ^= source[index];
        value = value >> 4 ^ crc_table[value & 15];
        value = value >> 4 ^ crc_table[value & 15];
    }
    crc = value;
}

static uint32_t crc_value(void) { return ~crc; }

static bool receive(void *data, uint32_t bytes) {
    uint8_t *destination = data;
    while (bytes > 0) {
        uint32_t block = bytes < transport_block_bytes ? bytes : transport_block_bytes;
        if (transport_read(destination, block) != block) {
            return false;
        }
        crc_add(destination, block);
        destination += block;
        bytes -= block;
    }
    return true;
}

static void send(const void *data, uint32_t bytes) {
    crc_add(data, bytes);
    transport_write(data, bytes);
}

static void send_word(uint32_t word) { send(&word, sizeof word); }

static void send_start(enum frame_type type, uint32_t sequence, uint32_t length) {
    transport_write(magic, sizeof magic);
    crc_start();
    send_word(type);
    send_word(sequence);
    send_word(length);
}

static void send_end(void) {
    uint32_t check = crc_value();
    transport_write(&check, sizeof check);
}

static void send_error(uint32_t sequence, enum frame_error error) {
    send_start(FRAME_ERROR, sequence, sizeof(uint32_t));
    send_word(error);
    send_end();
}

void protocol_tell_fault(uint32_t pc, uint32_t lr, uint32_t cause, uint32_t address) {
    send_start(FRAME_FAULT, 0, 4 * sizeof(uint32_t));
    send_word(pc);
    send_word(lr);
    send_word(cause);
    send_word(address);
    send_end();
}

static uint32_t name_bytes(const char *name) {
    uint32_t length = 0;
    while (name[length] != '\0') {
        ++length;
    }
    return length;
}

static uint32_t tensors_bytes(const struct model_tensor *tensors, uint32_t count) {
    uint32_t bytes = 0;
    for (uint32_t index = 0; index < count; ++index) {
        bytes += (6u + tensors[index].rank) * sizeof(uint32_t) + name_bytes(tensors[index].name);
    }
    return bytes;
}

static void send_tensors(const struct model_tensor *tensors, uint32_t count) {
    for (uint32_t index = 0; index < count; ++index) {
        const struct model_tensor *tensor = &tensors[index];
        uint32_t length = name_bytes(tensor->name);
        send_word(tensor->bytes);
        send_word(tensor->type);
        send_word(tensor->rank);
        send(tensor->shape, tensor->rank * sizeof(uint32_t));
        send(&tensor->scale, sizeof tensor->scale);
        send(&tensor->zero_point, sizeof tensor->zero_point);
        send_word(length);
        send(tensor->name, length);
    }
}

static void answer_hello(uint32_t sequence, bool counts_cycles) {
    uint32_t bytes = 8 * sizeof(uint32_t) + (sizeof core - 1) + (sizeof image - 1);
    bytes += tensors_bytes(model_inputs, MODEL_INPUT_COUNT);
    bytes += tensors_bytes(model_outputs, MODEL_OUTPUT_COUNT);
    send_start(FRAME_HELLO_ANSWER, sequence, bytes);
    send_word(PROTOCOL_VERSION);
    send_word(MODEL_ARENA_BYTES);
    send_word(stack_limit_bytes());
    send_word(counts_cycles);
    send_word(MODEL_INPUT_COUNT);
    send_word(MODEL_OUTPUT_COUNT);
    send_word(sizeof core - 1);
    send(core, sizeof core - 1);
    send_word(sizeof image - 1);
    send(image, sizeof image - 1);
    send_tensors(model_inputs, MODEL_INPUT_COUNT);
    send_tensors(model_outputs, MODEL_OUTPUT_COUNT);
    send_end();
}

static uint32_t bytes_of(const struct model_tensor *tensors, uint32_t count) {
    uint32_t bytes = 0;
    for (uint32_t index = 0; index < count; ++index) {
        bytes += tensors[index].bytes;
    }
    return bytes;
}

static bool receive_inputs(void) {
    for (uint32_t index = 0; index < MODEL_INPUT_COUNT; ++index) {
        if (!receive(model_arena + model_inputs[index].offset, model_inputs[index].bytes)) {
            return false;
        }
    }
    return true;
}

static void answer_run(uint32_t sequence, bool counts_cycles) {
    struct stack_run run;
    stack_run(model_arena, &run);
    if (run.exhausted) {
        send_error(sequence, ERROR_STACK);
        return;
    }
    uint32_t bytes = 2 * sizeof(uint32_t) + bytes_of(model_outputs, MODEL_OUTPUT_COUNT);
    send_start(FRAME_RUN_ANSWER, sequence, bytes);
    send_word(run.stack_bytes);
    send_word(counts_cycles ? run.cycles : 0);
    for (uint32_t index = 0; index < MODEL_OUTPUT_COUNT; ++index) {
        send(model_arena + model_outputs[index].offset, model_outputs[index].bytes);
    }
    send_end();
}

/* Skips to the next magic, one byte at a time when it is not where it should be. */
static bool find_magic(void) {
    uint8_t window[sizeof magic];
    uint32_t held = 0;
    for (;;) {
        uint32_t wanted = (uint32_t)sizeof window - held;
        if (transport_read(window + held, wanted) != wanted) {
            return false;
        }
        if (window[0] == magic[0] && window[1] == magic[1] && window[2] == magic[2] &&
            window[3] == magic[3]) {
            return true;
        }
        held = sizeof window - 1;
        window[0] = window[1];
        window[1] = window[2];
        window[2] = window[3];
    }
}

/* The payload and the check; the answer is 0 or what is wrong. */
static int receive_rest(const struct header *header) {
    uint32_t check;
    uint32_t length;
    if (header->type == FRAME_HELLO) {
        length = 0;
    } else if (header->type == FRAME_RUN) {
        length = bytes_of(model_inputs, MODEL_INPUT_COUNT);
    } else {
        return ERROR_TYPE;
    }
    if (header->length != length) {
        return ERROR_LENGTH;
    }
    if (header->type == FRAME_RUN && !receive_inputs()) {
        return ERROR_DAMAGED;
    }
    if (transport_read(&check, sizeof check) != sizeof check || check != crc_value()) {
        return ERROR_DAMAGED;
    }
    return 0;
}

bool protocol_answer(bool counts_cycles) {
    struct header header;
    if (!find_magic()) {
        return !transport_ended();
    }
    crc_start();
    if (!receive(&header, sizeof header)) {
        return !transport_ended();
    }
    int error = receive_rest(&header);
    if (error != 0) {
        send_error(header.sequence, (enum frame_error)error);
    } else if (header.type == FRAME_HELLO) {
        answer_hello(header.sequence, counts_cycles);
    } else {
        answer_run(header.sequence, counts_cycles);
    }
    return true;
}
