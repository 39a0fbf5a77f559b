#include "model.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "frames.h"

using executorch::aten::ScalarType;
using executorch::extension::FileDataLoader;
using executorch::extension::make_tensor_ptr;
using executorch::runtime::Error;
using executorch::runtime::EValue;
using executorch::runtime::HierarchicalAllocator;
using executorch::runtime::MemoryManager;
using executorch::runtime::Method;
using executorch::runtime::MethodMeta;
using executorch::runtime::Program;
using executorch::runtime::Result;
using executorch::runtime::Span;
using executorch::runtime::TensorInfo;

namespace {

constexpr const char* kMethod = "forward";
// A damaged file may ask for anything.
constexpr uint64_t kMostBytes = uint64_t{4} << 30;

const char* name_of(ScalarType type) {
    switch (type) {
        case ScalarType::Byte: return "uint8";
        case ScalarType::Char: return "int8";
        case ScalarType::Short: return "int16";
        case ScalarType::Int: return "int32";
        case ScalarType::Long: return "int64";
        case ScalarType::Half: return "float16";
        case ScalarType::Float: return "float32";
        case ScalarType::Double: return "float64";
        case ScalarType::Bool: return "bool";
        default: return nullptr;
    }
}

std::string reason(const char* what, Error error) {
    return std::string(what) + ": " + executorch::runtime::to_string(error);
}

Slot slot_of(const Result<TensorInfo>& info, const std::string& name, int status) {
    if (!info.ok()) {
        fail(status, reason((name + " is not a tensor").c_str(), info.error()));
    }
    if (name_of(info->scalar_type()) == nullptr) {
        fail(status, name + " is of a type that cannot be run: ScalarType " +
                         std::to_string(static_cast<int>(info->scalar_type())));
    }
    if (info->nbytes() > kMostBytes) {
        fail(status, name + " is too large: " + std::to_string(info->nbytes()) + " bytes");
    }
    const auto sizes = info->sizes();
    const auto order = info->dim_order();
    return Slot{{sizes.begin(), sizes.end()},
                {order.begin(), order.end()},
                info->scalar_type(),
                std::vector<uint8_t>(info->nbytes())};
}

template <typename Values>
std::string list(const Values& values) {
    std::string text;
    for (const auto value : values) {
        text += (text.empty() ? "" : ", ") + std::to_string(value);
    }
    return "[" + text + "]";
}

std::string list(const std::vector<Slot>& slots) {
    std::string text;
    for (const Slot& slot : slots) {
        text += std::string(text.empty() ? "" : ", ") + "{\"dtype\": \"" + name_of(slot.type) +
                "\", \"shape\": " + list(slot.shape) + ", \"dim_order\": " + list(slot.dim_order) +
                ", \"bytes\": " + std::to_string(slot.bytes.size()) + "}";
    }
    return "[" + text + "]";
}

// A name from the file as a JSON string; what would need an escape becomes '?'.
std::string quoted(const char* name) {
    std::string text = name;
    for (char& letter : text) {
        const bool plain = letter >= ' ' && letter <= '~' && letter != '"' && letter != '\\';
        letter = plain ? letter : '?';
    }
    return "\"" + text + "\"";
}

}  // namespace

Model::Model(const std::string& path, int status) {
    load_program(path, status);
    plan_memory(status);
    load_method(status);
    bind_slots(status);
}

void Model::load_program(const std::string& path, int status) {
    Result<FileDataLoader> loader = FileDataLoader::from(path.c_str());
    if (!loader.ok()) {
        fail(status, reason("the model cannot be read", loader.error()));
    }
    loader_ = std::make_unique<FileDataLoader>(std::move(*loader));
    Result<Program> program =
        Program::load(loader_.get(), Program::Verification::InternalConsistency);
    if (!program.ok()) {
        fail(status, reason("the file is not a program", program.error()));
    }
    program_ = std::make_unique<Program>(std::move(*program));
}

void Model::plan_memory(int status) {
    const Result<MethodMeta> meta = program_->method_meta(kMethod);
    if (!meta.ok()) {
        fail(status, reason("the program has no method forward", meta.error()));
    }
    uint64_t total = 0;
    for (size_t index = 0; index < meta->num_memory_planned_buffers(); ++index) {
        const Result<int64_t> size = meta->memory_planned_buffer_size(index);
        if (!size.ok() || *size < 0 || (total += static_cast<uint64_t>(*size)) > kMostBytes) {
            fail(status, "the program plans an impossible amount of memory");
        }
        planned_.emplace_back(static_cast<size_t>(*size));
    }
    for (auto& buffer : planned_) {
        planned_spans_.emplace_back(buffer.data(), buffer.size());
    }
    planned_allocator_ = std::make_unique<HierarchicalAllocator>(
        Span<Span<uint8_t>>(planned_spans_.data(), planned_spans_.size()));
    memory_ = std::make_unique<MemoryManager>(
        &method_allocator_, planned_allocator_.get(), &temporary_allocator_);
}

void Model::load_method(int status) {
    Result<Method> method = program_->load_method(kMethod, memory_.get());
    if (!method.ok()) {
        fail(status, reason("the method forward cannot be loaded", method.error()));
    }
    method_ = std::make_unique<Method>(std::move(*method));
}

void Model::bind_slots(int status) {
    const MethodMeta meta = method_->method_meta();
    for (size_t index = 0; index < meta.num_inputs(); ++index) {
        inputs_.push_back(
            slot_of(meta.input_tensor_meta(index), "input " + std::to_string(index), status));
    }
    for (size_t index = 0; index < meta.num_outputs(); ++index) {
        const auto info = meta.output_tensor_meta(index);
        outputs_.push_back(slot_of(info, "output " + std::to_string(index), status));
        if (!info->is_memory_planned()) {
            // Refused where the output is a constant or an input, which has its own place.
            std::vector<uint8_t>& bytes = outputs_.back().bytes;
            (void)method_->set_output_data_ptr(bytes.data(), bytes.size(), index);
        }
    }
    for (Slot& slot : inputs_) {
        most_.push_back(slot.bytes.size());
        input_tensors_.push_back(
            make_tensor_ptr(slot.shape, slot.bytes.data(), slot.dim_order, {}, slot.type));
    }
}

std::string Model::describe() const {
    const MethodMeta meta = method_->method_meta();
    std::string backends;
    for (size_t index = 0; index < meta.num_backends(); ++index) {
        const Result<const char*> name = meta.get_backend_name(index);
        backends += (backends.empty() ? "" : ", ") + quoted(name.ok() ? *name : "?");
    }
    uint64_t planned = 0;
    for (const auto& buffer : planned_) {
        planned += buffer.size();
    }
    return "{\"inputs\": " + list(inputs_) + ", \"outputs\": " + list(outputs_) +
           ", \"backends\": [" + backends + "], \"planned_bytes\": " + std::to_string(planned) + "}";
}

uint64_t Model::input_bytes() const {
    uint64_t total = 0;
    for (const Slot& slot : inputs_) {
        total += slot.bytes.size();
    }
    return total;
}

uint64_t Model::request_bytes() const {
    uint64_t sizes = 0;
    for (const Slot& slot : inputs_) {
        sizes += slot.shape.size() * sizeof(int32_t);
    }
    return std::max(input_bytes(), sizes);
}

std::string Model::set_shapes(const std::vector<uint8_t>& payload) {
    std::vector<int32_t> sizes(payload.size() / sizeof(int32_t));
    if (!payload.empty()) {
        std::memcpy(sizes.data(), payload.data(), sizes.size() * sizeof(int32_t));
    }
    std::vector<Slot> changed = inputs_;
    size_t taken = 0;
    for (size_t index = 0; index < changed.size(); ++index) {
        Slot& slot = changed[index];
        if (sizes.size() - taken < slot.shape.size()) {
            return "there are too few sizes";
        }
        uint64_t bytes = executorch::runtime::elementSize(slot.type);
        for (int32_t& size : slot.shape) {
            size = sizes[taken++];
            if (size < 0 || (bytes *= static_cast<uint64_t>(size)) > most_[index]) {
                return "input " + std::to_string(index) + " would be larger than is declared";
            }
        }
        slot.bytes.assign(bytes, 0);
    }
    if (taken != sizes.size() || payload.size() % sizeof(int32_t) != 0) {
        return "there are too many sizes";
    }
    inputs_ = std::move(changed);
    input_tensors_.clear();
    for (Slot& slot : inputs_) {
        input_tensors_.push_back(
            make_tensor_ptr(slot.shape, slot.bytes.data(), slot.dim_order, {}, slot.type));
    }
    return "";
}

std::string Model::set_inputs(const std::vector<uint8_t>& payload) {
    if (payload.size() != input_bytes()) {
        return "the inputs take " + std::to_string(input_bytes()) + " bytes, not " +
               std::to_string(payload.size());
    }
    size_t offset = 0;
    for (size_t index = 0; index < inputs_.size(); ++index) {
        std::vector<uint8_t>& bytes = inputs_[index].bytes;
        if (!bytes.empty()) {
            std::memcpy(bytes.data(), payload.data() + offset, bytes.size());
        }
        offset += bytes.size();
        const Error error = method_->set_input(EValue(*input_tensors_[index]), index);
        if (error != Error::Ok) {
            return reason(("input " + std::to_string(index) + " is refused").c_str(), error);
        }
    }
    return "";
}

std::string Model::outputs(std::vector<uint8_t>& payload) const {
    payload.clear();
    for (size_t index = 0; index < outputs_.size(); ++index) {
        const std::string name = "output " + std::to_string(index);
        const EValue& value = method_->get_output(index);
        if (!value.isTensor()) {
            return name + " is not a tensor";
        }
        const auto& tensor = value.toTensor();
        const size_t declared = outputs_[index].bytes.size();
        if (tensor.nbytes() != declared) {
            return name + " has " + std::to_string(tensor.nbytes()) + " bytes, not the declared " +
                   std::to_string(declared);
        }
        const auto* data = static_cast<const uint8_t*>(tensor.const_data_ptr());
        if (data == nullptr && declared > 0) {
            return name + " was not written";
        }
        payload.insert(payload.end(), data, data + declared);
    }
    return "";
}
