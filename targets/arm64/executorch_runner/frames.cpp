#include "frames.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

namespace {

constexpr int kUsage = 2;
constexpr uint32_t kDone = 0;
constexpr uint32_t kFailed = 1;

// How many of `size` bytes came before the end of the input.
size_t read_some(void* buffer, size_t size) {
    size_t done = 0;
    while (done < size) {
        const ssize_t count = read(STDIN_FILENO, static_cast<uint8_t*>(buffer) + done, size - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            fail(kUsage, std::string("cannot read a request: ") + std::strerror(errno));
        }
        if (count == 0) {
            break;
        }
        done += static_cast<size_t>(count);
    }
    return done;
}

void write_all(const void* buffer, size_t size) {
    size_t done = 0;
    while (done < size) {
        const ssize_t count =
            write(STDOUT_FILENO, static_cast<const uint8_t*>(buffer) + done, size - done);
        if (count < 0 && errno != EINTR) {
            fail(kUsage, std::string("cannot write a reply: ") + std::strerror(errno));
        }
        done += count > 0 ? static_cast<size_t>(count) : 0;
    }
}

void write_frame(uint32_t status, const void* payload, uint64_t length) {
    write_all(&status, sizeof status);
    write_all(&length, sizeof length);
    write_all(payload, length);
}

}  // namespace

bool read_request(Request& request, uint64_t limit) {
    uint32_t operation = 0;
    uint64_t length = 0;
    const size_t begun = read_some(&operation, sizeof operation);
    if (begun == 0) {
        return false;
    }
    if (begun < sizeof operation || read_some(&length, sizeof length) < sizeof length) {
        fail(kUsage, "the request is cut short");
    }
    const bool known = (operation >= static_cast<uint32_t>(Operation::kDescribe) &&
                        operation <= static_cast<uint32_t>(Operation::kMemory)) ||
                       operation == static_cast<uint32_t>(Operation::kShapes);
    if (!known) {
        fail(kUsage, "there is no operation " + std::to_string(operation));
    }
    if (length > limit) {
        fail(kUsage, "a payload of " + std::to_string(length) + " bytes is more than the inputs' " +
                         std::to_string(limit));
    }
    request.operation = static_cast<Operation>(operation);
    request.payload.resize(length);
    if (read_some(request.payload.data(), length) < length) {
        fail(kUsage, "the request is cut short");
    }
    return true;
}

void reply(const std::vector<uint8_t>& payload) {
    write_frame(kDone, payload.data(), payload.size());
}

void reply(const std::string& text) { write_frame(kDone, text.data(), text.size()); }

void reply_failed(const std::string& reason) {
    write_frame(kFailed, reason.data(), reason.size());
}

void fail(int status, const std::string& reason) {
    std::fprintf(stderr, "runner: %s\n", reason.c_str());
    // Not exit(): the runtime's own clean-up may hang or crash after a hostile model.
    std::_Exit(status);
}
