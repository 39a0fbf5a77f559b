// Memory of the whole process, as Linux counts it. Under an emulator it holds the emulator's own:
// only the difference between two moments says something about the model.
#pragma once

#include <string>

// JSON {"resident": bytes, "peak": bytes} of this moment: VmRSS and VmHWM of proc(5).
std::string memory_now();
