// Frozen batch norm: a transform of the parameters of the convolution before it.
#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// in: w, gamma, mean, var, dfw, dfb; out: dw, dgamma, dbeta.
class FoldBatchNormGrad final : public Op {
 public:
  explicit FoldBatchNormGrad(double eps) : eps_(eps) {}
  enum { kW, kGamma, kMean, kVar, kDfw, kDfb };
  std::string name() const override { return "fold_batch_norm_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override { return {in[kW], in[kGamma], in[kGamma]}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.fold_batch_norm_grad(in[kW], in[kGamma], in[kMean], in[kVar], eps_, in[kDfw], in[kDfb], out[0], out[1],
                                 out[2]);
  }
  WhenGathered when_gathered() const override { return WhenGathered::moves_to_back; }

 private:
  double eps_;
};

/// in: w, gamma, beta, mean, var; out: folded w in the activation type, folded b.
class FoldBatchNorm final : public Op {
 public:
  FoldBatchNorm(double eps, DType folded) : eps_(eps), folded_(folded) {}
  enum { kW, kGamma, kBeta, kMean, kVar };
  std::string name() const override { return "fold_batch_norm"; }
  std::vector<Type> infer(std::span<const Type> in) const override {
    for (const Type& vector : in.subspan(kGamma)) {
      require(vector.shape == Shape{in[kW].shape[0]}, "fold_batch_norm: ", vector.text(), " for weights ",
              in[kW].text());
    }
    return {{folded_, in[kW].shape, Layout::dense}, in[kBeta]};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.fold_batch_norm(in[kW], in[kGamma], in[kBeta], in[kMean], in[kVar], eps_, out[0], out[1]);
  }
  WhenGathered when_gathered() const override { return WhenGathered::moves_to_front; }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    require(dout[0] && dout[1], "fold_batch_norm: the folded weights and bias must feed one convolution together");
    const std::vector<Value> d =
        graph.append(std::make_shared<FoldBatchNormGrad>(eps_),
                     {node.in[kW], node.in[kGamma], node.in[kMean], node.in[kVar], dout[0], dout[1]});
    return {d[0], d[1], d[2], Value{}, Value{}};
  }

 private:
  double eps_;
  DType folded_;
};

}  // namespace

FoldedWeights fold_batch_norm(Graph& graph, Value w, Value gamma, Value beta, Value mean, Value var, double eps) {
  const std::vector<Value> folded =
      graph.append(std::make_shared<FoldBatchNorm>(eps, graph.activation()), {w, gamma, beta, mean, var});
  return {folded[0], folded[1]};
}

}  // namespace dgsam
