// Op: one operation of a graph. It owns its shape rule, its execution and its gradient, side by side.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/core/tensor.h"

namespace dgsam {

class Graph;
struct Node;

/// A value of a graph, by number. Value{} stands for "none": an absent optional operand, or no gradient.
struct Value {
  int id = -1;
  explicit operator bool() const { return id >= 0; }
  bool operator==(const Value&) const = default;
};

/// Immutable and shared between the nodes of graphs. An op never holds data: what it needs at run time are operands.
class Op {
 public:
  virtual ~Op() = default;

  /// The operation's name as in operations.def ("conv2d_data_grad").
  virtual std::string name() const = 0;
  /// What the name leaves open, for dumps: "stride 2, padding 3, relu".
  virtual std::string attributes() const { return {}; }

  /// Types of the outputs. An absent optional operand has a default Type with `present(type)` false.
  /// Throws Error when the operands do not fit together.
  virtual std::vector<Type> infer(std::span<const Type> in) const = 0;
  /// `out` ends with the inputs that updates() names.
  virtual void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const = 0;
  /// The inputs, by number, that run() changes: statistics that training keeps.
  virtual std::vector<int> updates() const { return {}; }

  /// Appends the nodes that compute d loss / d in from dout (one per output, Value{} where nothing flows back) and
  /// returns one Value per input, Value{} where no gradient is needed (ask graph.needs_gradient) or exists.
  /// The default throws: gradients of gradients are not part of this engine.
  virtual std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const;

  /// Floating-point operations of one run (a multiply-add counts as two). Only what dominates is counted.
  virtual double flops(std::span<const Type> in, std::span<const Type> out) const;
  /// True for an operation that is worth running beside those that follow it: nothing but parameters waits for it.
  virtual bool may_run_on_side() const { return false; }
  /// What gather_folds() does with a node: moves it to the front of the list (its operands are parameters and
  /// statistics) or to its back (its results are parameters' gradients).
  enum class WhenGathered : std::uint8_t { stays, moves_to_front, moves_to_back };
  virtual WhenGathered when_gathered() const { return WhenGathered::stays; }
  /// True when output `out` may take over the memory of input `in`, if that dies here.
  virtual bool in_place(int in, int out) const;
};

/// False for the placeholder type of an absent operand.
inline bool present(const Type& type) { return type.shape.rank() > 0 || type.dtype != DType::u8; }
/// The placeholder.
inline Type absent_type() { return {DType::u8, {}, Layout::dense}; }

}  // namespace dgsam
