#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// in: x, gamma, mean, invstd, dy; out: dx, dgamma, dbeta.
class GroupNormGrad final : public Op {
 public:
  explicit GroupNormGrad(int groups) : groups_(groups) {}
  std::string name() const override { return "group_norm_grad"; }
  std::vector<Type> infer(std::span<const Type> in) const override { return {in[0], in[1], in[1]}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.group_norm_grad(in[0], in[1], in[2], in[3], in[4], out[0], out[1], out[2], groups_);
  }
  bool in_place(int in, int out) const override { return in == 4 && out == 0; }

 private:
  int groups_;
};

/// in: x, gamma, beta; out: y, mean, invstd.
class GroupNorm final : public Op {
 public:
  GroupNorm(int groups, double eps) : groups_(groups), eps_(eps) {}
  std::string name() const override { return "group_norm"; }
  std::string attributes() const override { return std::to_string(groups_) + " groups"; }
  std::vector<Type> infer(std::span<const Type> in) const override {
    const Type& x = in[0];
    require(x.shape.rank() == 4 && groups_ > 0 && x.shape[3] % groups_ == 0, "group_norm: ", x.text(),
            " does not divide into ", groups_, " groups of channels");
    const Type channels{master_of(x.dtype), {x.shape[3]}, Layout::dense};
    require(in[1] == channels && in[2] == channels, "group_norm: ", in[1].text(), " for ", x.text());
    const Type statistics{master_of(x.dtype), {x.shape[0], groups_}, Layout::dense};
    return {x, statistics, statistics};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.group_norm(in[0], in[1], in[2], out[0], out[1], out[2], groups_, eps_);
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    const std::vector<Value> d = graph.append(std::make_shared<GroupNormGrad>(groups_),
                                              {node.in[0], node.in[1], node.out[1], node.out[2], dout[0]});
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
