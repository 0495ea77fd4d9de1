// The gradient of bias and ReLU, for the rewrites of fuse.h.
#pragma once

#include "engine/graph/ops.h"

namespace dgsam {

/// in: dy, dy2 or none, y or none; out: dz or none, db or none.
class BiasReluGradOp final : public Op {
 public:
  BiasReluGradOp(bool want_dz, bool want_db) : want_dz_(want_dz), want_db_(want_db) {}
  enum { kDy, kDy2, kY };

  std::string name() const override { return "bias_relu_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override;
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override;
  bool in_place(int in, int out) const override { return (in == kDy || in == kDy2) && out == 0; }

 private:
  bool want_dz_, want_db_;
};

}  // namespace dgsam
