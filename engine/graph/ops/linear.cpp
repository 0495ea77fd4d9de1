#include "engine/graph/ops.h"

namespace dgsam {

namespace {

double matmul_flops(const Type& x, std::int64_t columns) {
  return 2.0 * static_cast<double>(x.elements()) * static_cast<double>(columns);
}

/// in: dy [N,K], w [K,C]; out: dx [N,C].
class LinearDataGrad final : public Op {
 public:
  enum { kDy, kW };
  std::string name() const override { return "linear_data_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override {
    return {{in[kDy].dtype, {in[kDy].shape[0], in[kW].shape[1]}, Layout::dense}};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.linear_data_grad(in[kDy], in[kW], out[0]);
  }
  double flops(std::span<const Type> in, std::span<const Type>) const override {
    return matmul_flops(in[kDy], in[kW].shape[1]);
  }
};

/// in: x [N,C], dy [N,K]; out: dw [K,C].
class LinearWeightGrad final : public Op {
 public:
  enum { kX, kDy };
  std::string name() const override { return "linear_weight_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override {
    return {{master_of(in[kX].dtype), {in[kDy].shape[1], in[kX].shape[1]}, Layout::dense}};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.linear_weight_grad(in[kX], in[kDy], out[0]);
  }
  double flops(std::span<const Type> in, std::span<const Type>) const override {
    return matmul_flops(in[kX], in[kDy].shape[1]);
  }
};

/// in: x [N,C], w [K,C], bias [K] or none; out: y [N,K].
class Linear final : public Op {
 public:
  enum { kX, kW, kBias };
  std::string name() const override { return "linear"; }
  std::vector<Type> infer(std::span<const Type> in) const override {
    const Type &x = in[kX], &w = in[kW];
    require(x.shape.rank() == 2 && w.shape.rank() == 2 && x.shape[1] == w.shape[1] && x.dtype == w.dtype,
            "linear: ", x.text(), " and weights ", w.text(), " do not fit (N,C and K,C with one C)");
    if (present(in[kBias])) {
      require(in[kBias] == Type{master_of(x.dtype), {w.shape[0]}, Layout::dense}, "linear: bias ", in[kBias].text(),
              " for weights ", w.text());
    }
    return {{x.dtype, {x.shape[0], w.shape[0]}, Layout::dense}};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.linear(in[kX], in[kW], in[kBias], out[0]);
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    const Value x = node.in[kX], w = node.in[kW], bias = node.in[kBias], dy = dout[0];
    Value dx, dw, db;
    if (graph.needs_gradient(bias)) db = bias_relu_grad(graph, dy, Value{}, false, true).db;
    if (graph.needs_gradient(w)) dw = graph.append_one(std::make_shared<LinearWeightGrad>(), {x, dy});
    if (graph.needs_gradient(x)) dx = graph.append_one(std::make_shared<LinearDataGrad>(), {dy, w});
    return {dx, dw, db};
  }
  double flops(std::span<const Type> in, std::span<const Type>) const override {
    return matmul_flops(in[kX], in[kW].shape[0]);
  }
};

}  // namespace

Value linear(Graph& graph, Value x, Value w, Value bias) {
  return graph.append_one(std::make_shared<Linear>(), {x, cast(graph, w, graph.type(x).dtype), bias});
}

}  // namespace dgsam
