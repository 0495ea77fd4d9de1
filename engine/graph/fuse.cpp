#include "engine/graph/fuse.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "engine/graph/ops/conv2d.h"
#include "engine/graph/ops/elementwise.h"

namespace dgsam {

namespace {

/// A list under rewriting: nodes are appended one by one, and a node may absorb the one that produced its operand.
class Rewriter {
 public:
  explicit Rewriter(const Graph& graph) : uses_(graph.values().size(), 0), producer_(graph.values().size(), -1) {
    for (const Node& node : graph.nodes()) {
      for (const Value in : node.in) {
        if (in) ++uses_[index(in)];
      }
    }
    for (const Value kept : graph.kept()) ++uses_[index(kept)];
    for (std::size_t value = 0; value < uses_.size(); ++value) {
      if (graph.values()[value].space == Space::gradient) ++uses_[value];  // read by the optimizer
    }
  }

  /// The node that produces `value` as its only output's only use, as an Op of type T; nullptr otherwise.
  template <class T>
  const Node* sole_producer(Value value) const {
    if (uses_[index(value)] != 1 || producer_[index(value)] < 0) return nullptr;
    const Node& node = nodes_[static_cast<std::size_t>(producer_[index(value)])];
    return dynamic_cast<const T*>(node.op.get()) ? &node : nullptr;
  }

  /// Takes the producer of `value` out of the list.
  Node absorb(Value value) { return std::exchange(nodes_[static_cast<std::size_t>(producer_[index(value)])], Node{}); }

  void append(Node node) {
    for (const Value out : node.out) {
      if (out) producer_[index(out)] = static_cast<int>(nodes_.size());
    }
    nodes_.push_back(std::move(node));
  }

  std::vector<Node> finish() {
    std::erase_if(nodes_, [](const Node& node) { return node.op == nullptr; });
    return std::move(nodes_);
  }

 private:
  static std::size_t index(Value value) { return static_cast<std::size_t>(value.id); }

  std::vector<int> uses_;
  std::vector<int> producer_;
  std::vector<Node> nodes_;
};

/// The convolution that produces `value`, if an epilogue may still be added to it.
const Conv2d* open_conv2d(const Rewriter& list, Value value) {
  const Node* node = list.sole_producer<Conv2d>(value);
  const auto* conv = node ? static_cast<const Conv2d*>(node->op.get()) : nullptr;
  return conv && !conv->spec().relu ? conv : nullptr;
}

std::optional<Node> with_residual(Rewriter& list, const Node& add) {
  for (const int side : {0, 1}) {
    const Value sum = add.in[static_cast<std::size_t>(side)], residual = add.in[static_cast<std::size_t>(1 - side)];
    if (sum == residual || !open_conv2d(list, sum)) continue;
    if (list.sole_producer<Conv2d>(sum)->in[Conv2d::kResidual]) continue;
    Node conv = list.absorb(sum);
    conv.in[Conv2d::kResidual] = residual;
    conv.out = add.out;
    return conv;
  }
  return std::nullopt;
}

std::optional<Node> with_relu(Rewriter& list, const Node& relu) {
  const Conv2d* open = open_conv2d(list, relu.in[0]);
  if (!open) return std::nullopt;
  Conv2dSpec spec = open->spec();
  spec.relu = true;
  auto fused = std::make_shared<Conv2d>(spec, open->out_layout());
  Node conv = list.absorb(relu.in[0]);
  conv.op = std::move(fused);
  conv.out = relu.out;
  return conv;
}

}  // namespace

void fuse_epilogues(Graph& graph) {
  Rewriter list(graph);
  for (const Node& node : graph.nodes()) {
    std::optional<Node> fused;
    if (dynamic_cast<const Add*>(node.op.get())) fused = with_residual(list, node);
    if (dynamic_cast<const Relu*>(node.op.get())) fused = with_relu(list, node);
    list.append(fused ? std::move(*fused) : node);
  }
  graph.replace_nodes(list.finish());
}

void fuse_gradient_sums(Graph& graph) {
  Rewriter list(graph);
  for (Node node : graph.nodes()) {
    if (dynamic_cast<const BiasReluGradOp*>(node.op.get()) && !node.in[BiasReluGradOp::kDy2] &&
        list.sole_producer<Add>(node.in[BiasReluGradOp::kDy])) {
      const Node sum = list.absorb(node.in[BiasReluGradOp::kDy]);
      node.in[BiasReluGradOp::kDy] = sum.in[0];
      node.in[BiasReluGradOp::kDy2] = sum.in[1];
    }
    list.append(std::move(node));
  }
  graph.replace_nodes(list.finish());
}

void share_bias_gradients(Graph& graph) {
  std::map<int, Value> sum_of;         // by the id of a dz
  std::map<int, Value> there_already;  // by the id of a sum that need not be taken
  const auto is_intermediate = [&](Value value) { return value && graph.info(value).space == Space::arena; };
  std::vector<Node> nodes;
  for (Node node : graph.nodes()) {
    for (Value& in : node.in) {
      if (const auto other = there_already.find(in.id); other != there_already.end()) in = other->second;
    }
    if (dynamic_cast<const BiasReluGradOp*>(node.op.get())) {
      const Value dz = node.out[0], db = node.out[1];
      const bool only_sums = !dz && !node.in[BiasReluGradOp::kDy2] && !node.in[BiasReluGradOp::kY];
      const auto sum = sum_of.find(node.in[BiasReluGradOp::kDy].id);
      if (only_sums && is_intermediate(db) && sum != sum_of.end()) {
        there_already[db.id] = sum->second;
        continue;
      }
      if (dz && is_intermediate(db)) sum_of[dz.id] = db;
    }
    nodes.push_back(std::move(node));
  }
  graph.replace_nodes(std::move(nodes));
}

void gather_folds(Graph& graph) {
  std::vector<Node> nodes = graph.nodes();
  const auto is = [](Op::Place place) { return [place](const Node& node) { return node.op->place() == place; }; };
  const auto rest = std::stable_partition(nodes.begin(), nodes.end(), is(Op::Place::first));
  std::stable_partition(rest, nodes.end(), std::not_fn(is(Op::Place::last)));
  graph.replace_nodes(std::move(nodes));
}

}  // namespace dgsam
