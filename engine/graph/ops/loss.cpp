#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// in: dloss, probabilities, labels; out: dx.
class SoftmaxCrossEntropyGrad final : public Op {
 public:
  explicit SoftmaxCrossEntropyGrad(const Type& x) : x_(x) {}
  std::string name() const override { return "softmax_cross_entropy_grad"; }
  std::vector<Type> infer(std::span<const Type>) const override { return {x_}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.softmax_cross_entropy_grad(in[0], in[1], in[2], out[0]);
  }

 private:
  Type x_;
};

/// in: logits, labels; out: loss, probabilities.
class SoftmaxCrossEntropy final : public Op {
 public:
  std::string name() const override { return "softmax_cross_entropy"; }
  std::vector<Type> infer(std::span<const Type> in) const override {
    const Type &x = in[0], &labels = in[1];
    require(x.shape.rank() == 2 && labels.dtype == DType::i32 && labels.shape == Shape{x.shape[0]},
            "softmax_cross_entropy: logits ", x.text(), " and labels ", labels.text());
    const DType master = master_of(x.dtype);
    return {{master, {}, Layout::dense}, {master, x.shape, Layout::dense}};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.softmax_cross_entropy(in[0], in[1], out[0], out[1]);
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    const Type& x = graph.type(node.in[0]);
    return {graph.append_one(std::make_shared<SoftmaxCrossEntropyGrad>(x), {dout[0], node.out[1], node.in[1]}),
            Value{}};
  }
};

}  // namespace

Value softmax_cross_entropy(Graph& graph, Value logits, Value labels) {
  return graph.append(std::make_shared<SoftmaxCrossEntropy>(), {logits, labels}).front();
}

}  // namespace dgsam
