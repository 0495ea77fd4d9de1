#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// in: dy, winner; out: dx.
class MaxPoolGrad final : public Op {
 public:
  MaxPoolGrad(const PoolSpec& spec, const Type& x) : spec_(spec), x_(x) {}
  std::string name() const override { return "max_pool_grad"; }
  std::vector<Type> infer(std::span<const Type>) const override { return {x_}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.max_pool_grad(in[0], in[1], out[0], spec_);
  }

 private:
  PoolSpec spec_;
  Type x_;
};

/// in: x; out: y, winner.
class MaxPool final : public Op {
 public:
  explicit MaxPool(const PoolSpec& spec) : spec_(spec) {}
  std::string name() const override { return "max_pool"; }
  std::string attributes() const override {
    return "kernel " + std::to_string(spec_.kernel) + ", stride " + std::to_string(spec_.stride) + ", padding " +
           std::to_string(spec_.padding);
  }
  std::vector<Type> infer(std::span<const Type> in) const override {
    const Type& x = in[0];
    require(x.shape.rank() == 4, "max_pool: needs an image N,H,W,C, not ", x.text());
    // The winner's position is one byte, and every window must hold at least one real pixel.
    require(spec_.kernel >= 1 && spec_.kernel <= 15 && spec_.stride >= 1 && 2 * spec_.padding <= spec_.kernel &&
                spec_.padding >= 0,
            "max_pool: ", attributes(), " is not supported (kernel 1 to 15, padding at most half of it)");
    const auto extent = [&](int axis) { return (x.shape[axis] + 2 * spec_.padding - spec_.kernel) / spec_.stride + 1; };
    require(x.shape[1] + 2 * spec_.padding >= spec_.kernel && x.shape[2] + 2 * spec_.padding >= spec_.kernel,
            "max_pool: the window is larger than the image ", x.text());
    const Shape y{x.shape[0], extent(1), extent(2), x.shape[3]};
    return {{x.dtype, y, x.layout}, {DType::u8, y, x.layout}};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.max_pool(in[0], out[0], out[1], spec_);
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    return {graph.append_one(std::make_shared<MaxPoolGrad>(spec_, graph.type(node.in[0])), {dout[0], node.out[1]})};
  }

 private:
  PoolSpec spec_;
};

/// in: dy [N,C]; out: dx.
class GlobalAvgPoolGrad final : public Op {
 public:
  explicit GlobalAvgPoolGrad(const Type& x) : x_(x) {}
  std::string name() const override { return "global_avg_pool_grad"; }
  std::vector<Type> infer(std::span<const Type>) const override { return {x_}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.global_avg_pool_grad(in[0], out[0]);
  }

 private:
  Type x_;
};

/// in: x [N,H,W,C]; out: y [N,C].
class GlobalAvgPool final : public Op {
 public:
  std::string name() const override { return "global_avg_pool"; }
  std::vector<Type> infer(std::span<const Type> in) const override {
    require(in[0].shape.rank() == 4, "global_avg_pool: needs an image N,H,W,C, not ", in[0].text());
    return {{in[0].dtype, {in[0].shape[0], in[0].shape[3]}, Layout::dense}};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.global_avg_pool(in[0], out[0]);
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    return {graph.append_one(std::make_shared<GlobalAvgPoolGrad>(graph.type(node.in[0])), {dout[0]})};
  }
};

}  // namespace

Value max_pool(Graph& graph, Value x, const PoolSpec& spec) {
  return graph.append(std::make_shared<MaxPool>(spec), {x}).front();
}

Value global_avg_pool(Graph& graph, Value x) { return graph.append_one(std::make_shared<GlobalAvgPool>(), {x}); }

}  // namespace dgsam
