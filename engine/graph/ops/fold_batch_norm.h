// Frozen batch norm as a transform of the parameters of the convolution before it.
#pragma once

#include "engine/graph/ops.h"

namespace dgsam {

/// in: w, gamma, beta, mean, var; out: folded w in the activation type, folded b in the master type, or in the
/// activation type, too (narrow_folds).
class FoldBatchNorm final : public Op {
 public:
  FoldBatchNorm(double eps, DType folded, bool narrow_bias = false)
      : eps_(eps), folded_(folded), narrow_bias_(narrow_bias) {}
  enum { kW, kGamma, kBeta, kMean, kVar };
  std::string name() const override { return "fold_batch_norm"; }
  std::vector<Type> infer(std::span<const Type> in) const override;
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override;
  WhenGathered when_gathered() const override { return WhenGathered::moves_to_front; }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override;

  FoldBatchNorm with_narrow_bias() const { return {eps_, folded_, true}; }

 private:
  double eps_;
  DType folded_;
  bool narrow_bias_;
};

/// in: w, gamma, mean, var, dfw, dfb; out: dw, dgamma, dbeta.
class FoldBatchNormGrad final : public Op {
 public:
  explicit FoldBatchNormGrad(double eps) : eps_(eps) {}
  enum { kW, kGamma, kMean, kVar, kDfw, kDfb };
  std::string name() const override { return "fold_batch_norm_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override { return {in[kW], in[kGamma], in[kGamma]}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override;
  WhenGathered when_gathered() const override { return WhenGathered::moves_to_back; }

 private:
  double eps_;
};

}  // namespace dgsam
