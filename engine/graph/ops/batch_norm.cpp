// Batch norm with the statistics of the batch; frozen, it is a fold (fold_batch_norm.cpp).
#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// in: x, gamma, mean, invstd, dy; out: dx, dgamma, dbeta.
class BatchNormGrad final : public Op {
 public:
  enum { kX, kGamma, kMean, kInvstd, kDy };
  enum { kDx, kDgamma, kDbeta };
  std::string name() const override { return "batch_norm_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override { return {in[kX], in[kGamma], in[kGamma]}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.batch_norm_grad(in[kX], in[kGamma], in[kMean], in[kInvstd], in[kDy], out[kDx], out[kDgamma], out[kDbeta]);
  }
  bool in_place(int in, int out) const override { return in == kDy && out == kDx; }
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

Value batch_norm(Graph& graph, Value x, Value gamma, Value beta, Value running_mean, Value running_var, Value counters,
                 const BatchNormSpec& spec) {
  return graph.append_one(std::make_shared<BatchNorm>(spec), {x, gamma, beta, running_mean, running_var, counters});
}

}  // namespace dgsam
