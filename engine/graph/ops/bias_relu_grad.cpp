#include "engine/graph/ops/bias_relu_grad.h"

namespace dgsam {

std::vector<Type> BiasReluGradOp::infer(std::span<const Type> in) const {
  const Type& dy = in[kDy];
  for (const int other : {kDy2, kY}) {
    require(!present(in[static_cast<std::size_t>(other)]) || in[static_cast<std::size_t>(other)] == dy,
            "bias_relu_grad: operands ", dy.text(), " and ", in[static_cast<std::size_t>(other)].text());
  }
  return {want_dz_ ? dy : absent_type(),
          want_db_ ? Type{master_of(dy.dtype), {dy.shape.last()}, Layout::dense} : absent_type()};
}

void BiasReluGradOp::run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const {
  backend.bias_relu_grad(in[kDy], in[kDy2], in[kY], out[0], out[1]);
}

BiasReluGrad bias_relu_grad(Graph& graph, Value dy, Value y, bool want_dz, bool want_db) {
  const std::vector<Value> out = graph.append(std::make_shared<BiasReluGradOp>(want_dz, want_db), {dy, Value{}, y});
  return {out[0], out[1]};
}

}  // namespace dgsam
