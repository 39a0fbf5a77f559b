// One .pte file and its method `forward`, with everything that it needs to run again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <executorch/extension/data_loader/file_data_loader.h>
#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>
#include <executorch/extension/tensor/tensor.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>

// One input or output: what the file declares, and the bytes that it is kept in.
struct Slot {
    std::vector<int32_t> shape;
    std::vector<uint8_t> dim_order;
    executorch::aten::ScalarType type;
    std::vector<uint8_t> bytes;
};

class Model {
public:
    // Loads the file. Ends the process with `status` and a reason where that cannot be done.
    Model(const std::string& path, int status);

    std::string describe() const;
    uint64_t input_bytes() const;
    // The largest payload of a request.
    uint64_t request_bytes() const;

    // Takes other sizes of the inputs; the reason where they are not some that the file allows.
    std::string set_shapes(const std::vector<uint8_t>& payload);

    // Copies the inputs, one after the other; the reason where they do not fit.
    std::string set_inputs(const std::vector<uint8_t>& payload);
    // Runs the inference and nothing else.
    executorch::runtime::Error execute() { return method_->execute(); }
    // The outputs, one after the other; the reason where one is not as it was declared.
    std::string outputs(std::vector<uint8_t>& payload) const;

private:
    void load_program(const std::string& path, int status);
    void plan_memory(int status);
    void load_method(int status);
    void bind_slots(int status);

    std::unique_ptr<executorch::extension::FileDataLoader> loader_;
    std::unique_ptr<executorch::runtime::Program> program_;
    executorch::extension::MallocMemoryAllocator method_allocator_;
    executorch::extension::MallocMemoryAllocator temporary_allocator_;
    std::vector<std::vector<uint8_t>> planned_;
    std::vector<executorch::runtime::Span<uint8_t>> planned_spans_;
    std::unique_ptr<executorch::runtime::HierarchicalAllocator> planned_allocator_;
    std::unique_ptr<executorch::runtime::MemoryManager> memory_;
    std::unique_ptr<executorch::runtime::Method> method_;
    std::vector<Slot> inputs_;
    // What the file declares for each input, which is the most that it takes.
    std::vector<size_t> most_;
    std::vector<Slot> outputs_;
    std::vector<executorch::extension::TensorPtr> input_tensors_;
};
