// Convolution and what stands behind its sum: bias, residual, ReLU.
#pragma once

#include "engine/graph/ops.h"

namespace dgsam {

/// in: x, w, bias or none, residual or none; out: y, and with mask_bits the mask of its ReLU (Backend::relu_mask_bits).
/// fuse_epilogues and fuse_relu_gradients rebuild it with more in its epilogue.
class Conv2d final : public Op {
 public:
  Conv2d(const Conv2dSpec& spec, Layout out_layout, int mask_bits = 0)
      : spec_(spec), out_layout_(out_layout), mask_bits_(mask_bits) {}
  enum { kX, kW, kBias, kResidual };

  const Conv2dSpec& spec() const { return spec_; }
  Layout out_layout() const { return out_layout_; }

  std::string name() const override { return "conv2d"; }
  std::string attributes() const override;
  std::vector<Type> infer(std::span<const Type> in) const override;
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override;
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override;
  double flops(std::span<const Type> in, std::span<const Type> out) const override;

 private:
  Conv2dSpec spec_;
  Layout out_layout_;
  int mask_bits_;
};

/// in: dy, w; out: dx.
class Conv2dDataGrad final : public Op {
 public:
  Conv2dDataGrad(const Conv2dSpec& spec, Type x) : spec_(spec), x_(x) {}
  enum { kDy, kW };

  const Conv2dSpec& spec() const { return spec_; }
  std::string name() const override { return "conv2d_data_grad"; }
  std::string attributes() const override;
  std::vector<Type> infer(std::span<const Type>) const override { return {x_}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override;
  double flops(std::span<const Type> in, std::span<const Type> out) const override;

 private:
  Conv2dSpec spec_;
  Type x_;
};

/// in: x, dy; out: dw, in the master type or in x's (narrow_folds).
class Conv2dWeightGrad final : public Op {
 public:
  Conv2dWeightGrad(const Conv2dSpec& spec, Shape w, bool narrow = false) : spec_(spec), w_(w), narrow_(narrow) {}
  enum { kX, kDy };

  /// Whether it is a matrix product of whole images.
  bool is_product() const { return w_[1] == 1 && w_[2] == 1 && spec_.stride == 1 && spec_.padding == 0; }
  Conv2dWeightGrad narrow() const { return {spec_, w_, true}; }

  std::string name() const override { return "conv2d_weight_grad"; }
  std::string attributes() const override;
  std::vector<Type> infer(std::span<const Type> in) const override;
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override;
  double flops(std::span<const Type> in, std::span<const Type> out) const override;
  bool may_run_on_side() const override { return true; }

 private:
  Conv2dSpec spec_;
  Shape w_;
  bool narrow_;
};

/// A Conv2dDataGrad and the BiasReluGradOp behind it. in: dy, w, dx2 or none, x, mask or none; out: dz, db or none.
class Conv2dDataGradRelu final : public Op {
 public:
  Conv2dDataGradRelu(const Conv2dSpec& spec, bool want_db, bool narrow_db = false)
      : spec_(spec), want_db_(want_db), narrow_db_(narrow_db) {}
  enum { kDy, kW, kDx2, kX, kMask };

  /// The same with db in x's type.
  Conv2dDataGradRelu narrow() const { return {spec_, want_db_, true}; }

  std::string name() const override { return "conv2d_data_grad_relu"; }
  std::string attributes() const override;
  std::vector<Type> infer(std::span<const Type> in) const override;
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override;
  double flops(std::span<const Type> in, std::span<const Type> out) const override;

 private:
  Conv2dSpec spec_;
  bool want_db_, narrow_db_;
};

}  // namespace dgsam
