// Runs one ExecuTorch model on request: `runner MODEL.pte BEGIN END`.
//
// The requests are in frames.h. BEGIN and END are two numbers (0 to 2147483647) that mark the
// region to be counted. Exit status: 0 the input ended, 2 wrong use, 3 the model cannot be loaded;
// a crash is a signal. The reason stands on standard error.

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

#include <executorch/runtime/platform/runtime.h>

#include "frames.h"
#include "memory.h"
#include "model.h"

namespace {

constexpr int kUsage = 2;
constexpr int kBadModel = 3;

pid_t marker(const char* text) {
    char* end = nullptr;
    errno = 0;
    const long value = std::strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 0 || value > INT_MAX) {
        fail(kUsage, std::string("not a marker: ") + text);
    }
    return static_cast<pid_t>(value);
}

// Runs one inference and replies.
void run(Model& model, const Request& request, pid_t begin, pid_t end) {
    std::string problem = model.set_inputs(request.payload);
    if (problem.empty()) {
        const bool counted = request.operation == Operation::kCount;
        if (counted) {
            (void)getpgid(begin);
        }
        const executorch::runtime::Error error = model.execute();
        if (counted) {
            (void)getpgid(end);
        }
        if (error != executorch::runtime::Error::Ok) {
            problem = std::string("the inference failed: ") + executorch::runtime::to_string(error);
        }
    }
    std::vector<uint8_t> outputs;
    if (problem.empty()) {
        problem = model.outputs(outputs);
    }
    if (problem.empty()) {
        reply(outputs);
    } else {
        reply_failed(problem);
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) {
        fail(kUsage, "usage: runner MODEL.pte BEGIN END");
    }
    const pid_t begin = marker(arguments[2]);
    const pid_t end = marker(arguments[3]);
    executorch::runtime::runtime_init();
    const std::string start = memory_now();
    Model model(arguments[1], kBadModel);
    const std::string loaded = memory_now();

    Request request;
    while (read_request(request, model.request_bytes())) {
        switch (request.operation) {
            case Operation::kDescribe:
                reply(model.describe());
                break;
            case Operation::kMemory:
                reply("{\"start\": " + start + ", \"loaded\": " + loaded +
                      ", \"now\": " + memory_now() + "}");
                break;
            case Operation::kShapes: {
                const std::string problem = model.set_shapes(request.payload);
                if (problem.empty()) {
                    reply("");
                } else {
                    reply_failed(problem);
                }
                break;
            }
            default:
                run(model, request, begin, end);
        }
    }
    std::_Exit(0);
}
