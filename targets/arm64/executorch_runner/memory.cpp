#include "memory.h"

#include <cstdio>
#include <cstring>

std::string memory_now() {
    unsigned long long resident = 0;
    unsigned long long peak = 0;
    if (FILE* status = std::fopen("/proc/self/status", "r")) {
        char line[256];
        while (std::fgets(line, sizeof line, status) != nullptr) {
            std::sscanf(line, "VmRSS: %llu kB", &resident);
            std::sscanf(line, "VmHWM: %llu kB", &peak);
        }
        std::fclose(status);
    }
    return "{\"resident\": " + std::to_string(resident * 1024) +
           ", \"peak\": " + std::to_string(peak * 1024) + "}";
}
