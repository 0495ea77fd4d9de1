#include "engine/graph/gradients.h"

#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// What has arrived at each value so far, while the list is walked backwards.
class Arrivals {
 public:
  Arrivals(Graph& graph, std::size_t values) : graph_(graph), sum_(values) {}

  void arrive(Value at, Value gradient) {
    Value& sum = sum_[static_cast<std::size_t>(at.id)];
    sum = sum ? add(graph_, sum, gradient) : gradient;
  }
  Value at(Value value) const { return value ? sum_[static_cast<std::size_t>(value.id)] : Value{}; }

 private:
  Graph& graph_;
  std::vector<Value> sum_;
};

}  // namespace

void append_gradients(Graph& graph, Value loss) {
  require(graph.type(loss).elements() == 1, "a loss is a scalar, not ", graph.type(loss).text());
  const std::vector<Node> forward = graph.nodes();
  Arrivals arrivals(graph, graph.values().size());

  graph.set_label("loss");
  arrivals.arrive(loss, fill(graph, graph.type(loss), 1.0));
  for (auto node = forward.rbegin(); node != forward.rend(); ++node) {
    std::vector<Value> dout;
    bool reached = false;
    for (const Value out : node->out) {
      dout.push_back(arrivals.at(out));
      reached = reached || dout.back();
    }
    if (!reached) continue;
    graph.set_label(node->label);
    const std::vector<Value> din = node->op->gradient(graph, *node, dout);
    for (std::size_t i = 0; i < din.size(); ++i) {
      if (din[i] && graph.needs_gradient(node->in[i])) arrivals.arrive(node->in[i], din[i]);
    }
  }
  for (const Value parameter : graph.parameters()) {
    const Value gradient = arrivals.at(parameter);
    require(static_cast<bool>(gradient), "the loss does not depend on parameter ", graph.info(parameter).name);
    graph.bind_gradient(parameter, gradient);
  }
}

}  // namespace dgsam
