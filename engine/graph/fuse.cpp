#include "engine/graph/fuse.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "engine/graph/ops/bias_relu_grad.h"
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

  /// The node that produces `value` and was appended; nullptr for none.
  Node* producer(Value value) {
    const int node = producer_[index(value)];
    return node < 0 ? nullptr : &nodes_[static_cast<std::size_t>(node)];
  }

  /// Takes the producer of `value` out of the list.
  Node absorb(Value value) { return std::exchange(nodes_[static_cast<std::size_t>(producer_[index(value)])], Node{}); }

  /// Whether `early` is there when the node that produces `late` runs.
  bool comes_before(Value early, Value late) const { return producer_[index(early)] < producer_[index(late)]; }

  /// Puts `node` in the place of the one that produces `value`.
  void replace_producer(Value value, Node node) { put(std::move(node), producer_[index(value)]); }

  void append(Node node) {
    nodes_.emplace_back();
    put(std::move(node), static_cast<int>(nodes_.size()) - 1);
  }

  std::vector<Node> finish() {
    std::erase_if(nodes_, [](const Node& node) { return node.op == nullptr; });
    return std::move(nodes_);
  }

 private:
  void put(Node node, int at) {
    for (const Value out : node.out) {
      if (out) producer_[index(out)] = at;
    }
    nodes_[static_cast<std::size_t>(at)] = std::move(node);
  }
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

/// Whether a convolution with these weights is a matrix product of whole images.
bool is_product(const Conv2dSpec& spec, const Type& w) {
  return w.shape[1] == 1 && w.shape[2] == 1 && spec.stride == 1 && spec.padding == 0;
}

/// The mask of the ReLU whose output `y` is, if a convolution that is a matrix product can write it.
Value mask_of(Graph& graph, Rewriter& list, Value y, int mask_bits) {
  Node* const node = list.producer(y);
  const auto* conv = node ? dynamic_cast<const Conv2d*>(node->op.get()) : nullptr;
  if (!conv || !conv->spec().relu || !is_product(conv->spec(), graph.type(node->in[Conv2d::kW]))) return {};
  auto masking = std::make_shared<Conv2d>(conv->spec(), conv->out_layout(), mask_bits);
  node->out.push_back(graph.add_intermediate(masking->infer(graph.types(node->in))[1]));
  node->op = std::move(masking);
  return node->out[1];
}

/// Puts a bias_relu_grad and the data gradient that one of its operands is where that gradient was, beside whose
/// neighbours it runs; false where there is none, or the other operand comes later.
bool join_data_grad(Graph& graph, Rewriter& list, const Node& relu_grad, int mask_bits) {
  if (!relu_grad.in[BiasReluGradOp::kY] || !relu_grad.out[0]) return false;
  for (const int side : {BiasReluGradOp::kDy2, BiasReluGradOp::kDy}) {
    const Value dx = relu_grad.in[static_cast<std::size_t>(side)];
    const Value dx2 = relu_grad.in[side == BiasReluGradOp::kDy ? BiasReluGradOp::kDy2 : BiasReluGradOp::kDy];
    const Node* const node = dx ? list.sole_producer<Conv2dDataGrad>(dx) : nullptr;
    if (!node || (dx2 && !list.comes_before(dx2, dx))) continue;
    const Conv2dSpec spec = static_cast<const Conv2dDataGrad*>(node->op.get())->spec();
    const Value dy = node->in[Conv2dDataGrad::kDy], w = node->in[Conv2dDataGrad::kW];
    if (!is_product(spec, graph.type(w))) continue;
    const Value x = relu_grad.in[BiasReluGradOp::kY];
    list.replace_producer(dx, {std::make_shared<Conv2dDataGradRelu>(spec, static_cast<bool>(relu_grad.out[1])),
                               {dy, w, dx2, x, mask_of(graph, list, x, mask_bits)},
                               relu_grad.out,
                               relu_grad.label});
    return true;
  }
  return false;
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

void fuse_relu_gradients(Graph& graph, int mask_bits) {
  Rewriter list(graph);
  for (const Node& node : graph.nodes()) {
    const bool is_relu_grad = dynamic_cast<const BiasReluGradOp*>(node.op.get()) != nullptr;
    if (!is_relu_grad || !join_data_grad(graph, list, node, mask_bits)) list.append(node);
  }
  graph.replace_nodes(list.finish());
}

void gather_folds(Graph& graph) {
  std::vector<Node> nodes = graph.nodes();
  using When = Op::WhenGathered;
  const auto is = [](When when) { return [when](const Node& node) { return node.op->when_gathered() == when; }; };
  const auto rest = std::stable_partition(nodes.begin(), nodes.end(), is(When::moves_to_front));
  std::stable_partition(rest, nodes.end(), std::not_fn(is(When::moves_to_back)));
  graph.replace_nodes(std::move(nodes));
}

}  // namespace dgsam
