#include "engine/cpu/onednn_call.h"

#include "engine/core/check.h"

namespace dgsam {
namespace {

constexpr std::size_t kAlignment = 64;

void* offset_by(void* base, std::size_t bytes) { return static_cast<std::byte*>(base) + bytes; }

}  // namespace

OneDnnCall::OneDnnCall(const dnnl::engine& engine, const dnnl::primitive& primitive,
                       const dnnl::memory::desc& scratchpad)
    : engine_(engine), primitive_(primitive), scratchpad_(scratchpad, engine, nullptr) {
  scratchpad_offset_ = take(scratchpad.get_size());
  arguments_.emplace(DNNL_ARG_SCRATCHPAD, scratchpad_);
}

void OneDnnCall::input(int argument, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted) {
  add(argument, given, wanted, false);
}

void OneDnnCall::output(int argument, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted) {
  add(argument, given, wanted, true);
}

void OneDnnCall::add(int argument, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted, bool is_output) {
  Operand operand{argument, dnnl::memory(given, engine_, nullptr), {}, {}, 0, is_output};
  operand.wanted = operand.given;
  if (given != wanted) {
    operand.wanted = dnnl::memory(wanted, engine_, nullptr);
    operand.reorder =
        is_output ? dnnl::reorder(operand.wanted, operand.given) : dnnl::reorder(operand.given, operand.wanted);
    operand.offset = take(wanted.get_size());
  }
  arguments_.emplace(argument, operand.wanted);
  operands_.push_back(std::move(operand));
}

std::size_t OneDnnCall::take(std::size_t bytes) {
  const std::size_t offset = scratch_bytes_;
  scratch_bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return offset;
}

void OneDnnCall::run(dnnl::stream& stream, void* scratch,
                     std::initializer_list<std::pair<int, const void*>> addresses) {
  scratchpad_.set_data_handle(offset_by(scratch, scratchpad_offset_));
  for (Operand& operand : operands_) {
    const void* address = nullptr;
    for (const auto& [argument, data] : addresses) {
      if (argument == operand.argument) address = data;
    }
    require(address != nullptr, "oneDNN: operand ", operand.argument, " has no memory");
    operand.given.set_data_handle(const_cast<void*>(address));  // oneDNN has no others for what it reads
    if (!operand.reorder) continue;
    operand.wanted.set_data_handle(offset_by(scratch, operand.offset));
    if (!operand.is_output) operand.reorder.execute(stream, operand.given, operand.wanted);
  }
  primitive_.execute(stream, arguments_);
  for (Operand& operand : operands_) {
    if (operand.reorder && operand.is_output) operand.reorder.execute(stream, operand.wanted, operand.given);
  }
  stream.wait();
}

}  // namespace dgsam
