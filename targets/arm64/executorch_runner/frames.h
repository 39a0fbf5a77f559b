// Frames between host and runner, over standard input and output, little-endian:
//
//   request  operation u32 | length u64 | payload, `length` bytes
//   reply    status u32 | length u64 | payload, `length` bytes
//
// Status 0 is done; status 1 is failed, and the payload is then the reason in UTF-8. Payloads:
//
//   DESCRIBE  empty -> JSON {"inputs": [{"dtype", "shape", "dim_order", "bytes"}], "outputs": [...],
//             "backends": [str], "planned_bytes": int}, a backend for each delegated part of the graph
//   RUN       the bytes of each input, one after the other -> the bytes of each output
//   COUNT     as RUN; the inference alone stands between the system calls getpgid(BEGIN) and
//             getpgid(END), the two numbers of the command line
//   SHAPES    int32 sizes of each input, as many as it has dimensions -> empty; they hold for all
//             that follows, and no input may be larger than the file declares it
//   MEMORY    empty -> JSON {"start": {"resident", "peak"}, "loaded": {...}, "now": {...}}, bytes of
//             the whole process: before the model was loaded, after it, and at this moment
//
// A run that fails leaves the runner ready for the next request. What is not such a request ends it
// with exit status 2, and the end of the input with 0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

enum class Operation : uint32_t { kDescribe = 1, kRun = 2, kCount = 3, kMemory = 4, kShapes = 8 };

struct Request {
    Operation operation;
    std::vector<uint8_t> payload;
};

// Reads one request. False at the end of the input; exits with status 2 on a broken frame or a
// payload of more than `limit` bytes.
bool read_request(Request& request, uint64_t limit);

void reply(const std::vector<uint8_t>& payload);
void reply(const std::string& text);
void reply_failed(const std::string& reason);

// Prints one line on standard error and ends the process.
[[noreturn]] void fail(int status, const std::string& reason);
