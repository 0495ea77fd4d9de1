// The element-wise operations that the rewrites of fuse.h look for.
#pragma once

#include "engine/graph/ops.h"

namespace dgsam {

class Relu final : public Op {
 public:
  std::string name() const override { return "relu"; }
  std::vector<Type> infer(std::span<const Type> in) const override { return {in[0]}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.relu(in[0], out[0]);
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override;
  bool in_place(int, int) const override { return true; }
};

class Add final : public Op {
 public:
  std::string name() const override { return "add"; }
  std::vector<Type> infer(std::span<const Type> in) const override;
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.add(in[0], in[1], out[0]);
  }
  std::vector<Value> gradient(Graph&, const Node&, std::span<const Value> dout) const override {
    return {dout[0], dout[0]};
  }
  bool in_place(int, int) const override { return true; }
};

}  // namespace dgsam
