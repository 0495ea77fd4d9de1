#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// in: dloss, probabilities, labels; out: dx.
class SoftmaxCrossEntropyGrad final : public Op {
 public:
  explicit SoftmaxCrossEntropyGrad(const Type& x) : x_(x) {}
  enum { kDloss, kProbabilities, kLabels };
  std::string name() const override { return "softmax_cross_entropy_grad"; }
  std::vector<Type> infer(std::span<const Type>) const override { return {x_}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.softmax_cross_entropy_grad(in[kDloss], in[kProbabilities], in[kLabels], out[0]);
  }

 private:
  Type x_;
};

/// in: logits, labels; out: loss, probabilities.
class SoftmaxCrossEntropy final : public Op {
 public:
  enum { kLogits, kLabels };
  enum { kLoss, kProbabilities };
  std::string name() const override { return "softmax_cross_entropy"; }
  std::vector<Type> infer(std::span<const Type> in) const override {
    const Type &x = in[kLogits], &labels = in[kLabels];
    require(x.shape.rank() == 2 && labels.dtype == DType::i32 && labels.shape == Shape{x.shape[0]},
            "softmax_cross_entropy: logits ", x.text(), " and labels ", labels.text());
    const DType master = master_of(x.dtype);
    return {{master, {}, Layout::dense}, {master, x.shape, Layout::dense}};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.softmax_cross_entropy(in[kLogits], in[kLabels], out[kLoss], out[kProbabilities]);
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    const Type& x = graph.type(node.in[kLogits]);
    return {graph.append_one(std::make_shared<SoftmaxCrossEntropyGrad>(x),
                             {dout[kLoss], node.out[kProbabilities], node.in[kLabels]}),
            Value{}};
  }
};

}  // namespace

Value softmax_cross_entropy(Graph& graph, Value logits, Value labels) {
  return graph.append(std::make_shared<SoftmaxCrossEntropy>(), {logits, labels}).front();
}

}  // namespace dgsam
