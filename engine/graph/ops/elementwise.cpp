#include "engine/graph/ops/elementwise.h"

#include <sstream>

namespace dgsam {

namespace {

class Cast final : public Op {
 public:
  explicit Cast(DType to) : to_(to) {}
  std::string name() const override { return "cast"; }
  std::string attributes() const override { return "to " + std::string(name_of(to_)); }
  std::vector<Type> infer(std::span<const Type> in) const override { return {{to_, in[0].shape, in[0].layout}}; }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.cast(in[0], out[0]);
  }
  /// Weight gradients already come in the master type, whatever the weights were cast to: then nothing is to be done.
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    return {cast(graph, dout[0], graph.type(node.in[0]).dtype)};
  }

 private:
  DType to_;
};

class Fill final : public Op {
 public:
  Fill(const Type& type, double value) : type_(type), value_(value) {}
  std::string name() const override { return "fill"; }
  std::string attributes() const override {
    std::ostringstream out;
    out << value_;
    return out.str();
  }
  std::vector<Type> infer(std::span<const Type>) const override { return {type_}; }
  void run(Backend& backend, std::span<const ConstTensor>, std::span<const Tensor> out) const override {
    backend.fill(out[0], value_);
  }

 private:
  Type type_;
  double value_;
};

}  // namespace

std::vector<Value> Relu::gradient(Graph& graph, const Node& node, std::span<const Value> dout) const {
  return {bias_relu_grad(graph, dout[0], node.out[0], true, false).dz};
}

std::vector<Type> Add::infer(std::span<const Type> in) const {
  require(in[0] == in[1], "add: ", in[0].text(), " + ", in[1].text());
  return {in[0]};
}

Value relu(Graph& graph, Value x) { return graph.append_one(std::make_shared<Relu>(), {x}); }

Value add(Graph& graph, Value a, Value b) { return graph.append_one(std::make_shared<Add>(), {a, b}); }

Value cast(Graph& graph, Value x, DType dtype) {
  if (graph.type(x).dtype == dtype) return x;
  return graph.append_one(std::make_shared<Cast>(dtype), {x});
}

Value fill(Graph& graph, const Type& type, double value) {
  return graph.append_one(std::make_shared<Fill>(type, value), {});
}

}  // namespace dgsam
