// Batch norm: frozen (a transform of the parameters of the convolution before it) and with batch statistics.
#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// in: w, gamma, mean, var, dfw, dfb; out: dw, dgamma, dbeta.
class FoldBatchNormGrad final : public Op {
 public:
  explicit FoldBatchNormGrad(double eps) : eps_(eps) {}
  std::string name() const override { return "fold_batch_norm_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override { return {in[0], in[1], in[1]}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.fold_batch_norm_grad(in[0], in[1], in[2], in[3], eps_, in[4], in[5], out[0], out[1], out[2]);
  }
  Place place() const override { return Place::last; }

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
  Place place() const override { return Place::first; }
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

/// in: x, gamma, mean, invstd, dy; out: dx, dgamma, dbeta.
class BatchNormGrad final : public Op {
 public:
  std::string name() const override { return "batch_norm_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override { return {in[0], in[1], in[1]}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.batch_norm_grad(in[0], in[1], in[2], in[3], in[4], out[0], out[1], out[2]);
  }
  bool in_place(int in, int out) const override { return in == 4 && out == 0; }
};

/// in: x, gamma, beta, running mean, running var, counters; out: y, mean, invstd, and the running ones that it updates.
class BatchNorm final : public Op {
 public:
  explicit BatchNorm(const BatchNormSpec& spec) : spec_(spec) {}
  enum { kX, kGamma, kBeta, kRunningMean, kRunningVar, kCounters };
  enum { kY, kMean, kInvstd, kOutputs };
  std::string name() const override { return "batch_norm"; }
  std::string attributes() const override {
    constexpr const char* kWhen[] = {"first pass", "every pass", "never"};
    return std::string("running statistics: ") + kWhen[static_cast<int>(spec_.running)];
  }
  std::vector<Type> infer(std::span<const Type> in) const override {
    const Type channels{master_of(in[kX].dtype), {in[kX].shape.last()}, Layout::dense};
    for (const Type& vector : in.subspan(kGamma, 4)) {
      require(vector == channels, "batch_norm: ", vector.text(), " for ", in[kX].text());
    }
    require(in[kX].shape.rank() == 4 && in[kX].elements() > in[kX].shape[3],
            "batch_norm: batch statistics need more than one value per channel, not ", in[kX].text());
    return {in[kX], channels, channels};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    const bool updates = out.size() > kOutputs;
    const Tensor running_mean = updates ? out[kOutputs] : Tensor{},
                 running_var = updates ? out[kOutputs + 1] : Tensor{};
    backend.batch_norm(in[kX], in[kGamma], in[kBeta], running_mean, running_var, in[kCounters], out[kY], out[kMean],
                       out[kInvstd], spec_);
  }
  std::vector<int> updates() const override {
    if (spec_.running == RunningStatistics::never) return {};
    return {kRunningMean, kRunningVar};
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    const std::vector<Value> d =
        graph.append(std::make_shared<BatchNormGrad>(),
                     {node.in[kX], node.in[kGamma], node.out[kMean], node.out[kInvstd], dout[kY]});
    return {d[0], d[1], d[2], Value{}, Value{}, Value{}};
  }

 private:
  BatchNormSpec spec_;
};

}  // namespace

FoldedWeights fold_batch_norm(Graph& graph, Value w, Value gamma, Value beta, Value mean, Value var, double eps) {
  const std::vector<Value> folded =
      graph.append(std::make_shared<FoldBatchNorm>(eps, graph.activation()), {w, gamma, beta, mean, var});
  return {folded[0], folded[1]};
}

Value batch_norm(Graph& graph, Value x, Value gamma, Value beta, Value running_mean, Value running_var, Value counters,
                 const BatchNormSpec& spec) {
  return graph.append_one(std::make_shared<BatchNorm>(spec), {x, gamma, beta, running_mean, running_var, counters});
}

}  // namespace dgsam
