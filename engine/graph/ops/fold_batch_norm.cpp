#include "engine/graph/ops/fold_batch_norm.h"

namespace dgsam {

void FoldBatchNormGrad::run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const {
  backend.fold_batch_norm_grad(in[kW], in[kGamma], in[kMean], in[kVar], eps_, in[kDfw], in[kDfb], out[0], out[1],
                               out[2]);
}

std::vector<Type> FoldBatchNorm::infer(std::span<const Type> in) const {
  for (const Type& vector : in.subspan(kGamma)) {
    require(vector.shape == Shape{in[kW].shape[0]}, "fold_batch_norm: ", vector.text(), " for weights ", in[kW].text());
  }
  const Type& beta = in[kBeta];
  return {{folded_, in[kW].shape, Layout::dense}, narrow_bias_ ? Type{folded_, beta.shape, Layout::dense} : beta};
}

void FoldBatchNorm::run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const {
  backend.fold_batch_norm(in[kW], in[kGamma], in[kBeta], in[kMean], in[kVar], eps_, out[0], out[1]);
}

std::vector<Value> FoldBatchNorm::gradient(Graph& graph, const Node& node, std::span<const Value> dout) const {
  require(dout[0] && dout[1], "fold_batch_norm: the folded weights and bias must feed one convolution together");
  const std::vector<Value> d =
      graph.append(std::make_shared<FoldBatchNormGrad>(eps_),
                   {node.in[kW], node.in[kGamma], node.in[kMean], node.in[kVar], dout[0], dout[1]});
  return {d[0], d[1], d[2], Value{}, Value{}};
}

FoldedWeights fold_batch_norm(Graph& graph, Value w, Value gamma, Value beta, Value mean, Value var, double eps) {
  const std::vector<Value> folded =
      graph.append(std::make_shared<FoldBatchNorm>(eps, graph.activation()), {w, gamma, beta, mean, var});
  return {folded[0], folded[1]};
}

}  // namespace dgsam
