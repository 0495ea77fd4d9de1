#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// in: x, gamma, mean, invstd, dy; out: dx, dgamma, dbeta.
class GroupNormGrad final : public Op {
 public:
  explicit GroupNormGrad(int groups) : groups_(groups) {}
  enum { kX, kGamma, kMean, kInvstd, kDy };
  enum { kDx, kDgamma, kDbeta };
  std::string name() const override { return "group_norm_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override { return {in[kX], in[kGamma], in[kGamma]}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.group_norm_grad(in[kX], in[kGamma], in[kMean], in[kInvstd], in[kDy], out[kDx], out[kDgamma], out[kDbeta],
                            groups_);
  }
  bool in_place(int in, int out) const override { return in == kDy && out == kDx; }

 private:
  int groups_;
};

/// in: x, gamma, beta; out: y, mean, invstd.
class GroupNorm final : public Op {
 public:
  GroupNorm(int groups, double eps) : groups_(groups), eps_(eps) {}
  enum { kX, kGamma, kBeta };
  enum { kY, kMean, kInvstd };
  std::string name() const override { return "group_norm"; }
  std::string attributes() const override { return std::to_string(groups_) + " groups"; }
  std::vector<Type> infer(std::span<const Type> in) const override {
    const Type& x = in[kX];
    require(x.shape.rank() == 4 && groups_ > 0 && x.shape[3] % groups_ == 0, "group_norm: ", x.text(),
            " does not divide into ", groups_, " groups of channels");
    const Type channels{master_of(x.dtype), {x.shape[3]}, Layout::dense};
    require(in[kGamma] == channels && in[kBeta] == channels, "group_norm: ", in[kGamma].text(), " for ", x.text());
    const Type statistics{master_of(x.dtype), {x.shape[0], groups_}, Layout::dense};
    return {x, statistics, statistics};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.group_norm(in[kX], in[kGamma], in[kBeta], out[kY], out[kMean], out[kInvstd], groups_, eps_);
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    const std::vector<Value> d =
        graph.append(std::make_shared<GroupNormGrad>(groups_),
                     {node.in[kX], node.in[kGamma], node.out[kMean], node.out[kInvstd], dout[kY]});
    return {d[0], d[1], d[2]};
  }

 private:
  int groups_;
  double eps_;
};

}  // namespace

Value group_norm(Graph& graph, Value x, Value gamma, Value beta, int groups, double eps) {
  return graph.append_one(std::make_shared<GroupNorm>(groups, eps), {x, gamma, beta});
}

}  // namespace dgsam
