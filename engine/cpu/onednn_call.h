// One oneDNN primitive with everything that a replay needs: nothing is allocated or chosen after the first call.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/cpu/onednn_api.h"

namespace dgsam {

/// A primitive, its operands and the reorders around it. An operand whose given format is not the one that the
/// primitive wants (weights always, images sometimes) passes through scratch memory.
class OneDnnCall {
 public:
  /// `scratchpad` is the primitive's working memory: it was made with the attribute scratchpad_mode::user.
  OneDnnCall(const dnnl::engine& engine, const dnnl::primitive& primitive, const dnnl::memory::desc& scratchpad);

  /// Registers an operand under its DNNL_ARG.
  void input(int argument, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted);
  void output(int argument, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted);

  /// Memory that run() works in, 64-byte aligned.
  std::size_t scratch_bytes() const { return scratch_bytes_; }

  /// Runs on these addresses, one for every registered operand; others, such as those of absent operands, are ignored.
  void run(dnnl::stream& stream, void* scratch, std::initializer_list<std::pair<int, const void*>> addresses);

 private:
  struct Operand {
    int argument;
    dnnl::memory given;
    dnnl::memory wanted;    // the same object as `given` when the formats agree
    dnnl::reorder reorder;  // empty when the formats agree
    std::size_t offset;     // of `wanted` in the scratch memory
    bool is_output;
  };

  void add(int argument, const dnnl::memory::desc& given, const dnnl::memory::desc& wanted, bool is_output);
  std::size_t take(std::size_t bytes);

  dnnl::engine engine_;
  dnnl::primitive primitive_;
  dnnl::memory scratchpad_;
  std::size_t scratchpad_offset_ = 0;
  std::vector<Operand> operands_;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::size_t scratch_bytes_ = 0;
};

}  // namespace dgsam
