#include <algorithm>
#include <map>

#include "engine/graph/fuse.h"
#include "engine/graph/ops/conv2d.h"
#include "engine/graph/ops/fold_batch_norm.h"

namespace dgsam {
namespace {

/// Of every value, whether it is an intermediate result that only operands number `operand` of an Op are made of.
template <class T>
std::vector<bool> feeds_only(const Graph& graph, std::initializer_list<int> operands) {
  std::vector<bool> only(graph.values().size());
  for (std::size_t value = 0; value < only.size(); ++value) only[value] = graph.values()[value].space == Space::arena;
  for (const Node& node : graph.nodes()) {
    for (std::size_t i = 0; i < node.in.size(); ++i) {
      const bool is_one = dynamic_cast<const T*>(node.op.get()) &&
                          std::find(operands.begin(), operands.end(), static_cast<int>(i)) != operands.end();
      if (node.in[i] && !is_one) only[static_cast<std::size_t>(node.in[i].id)] = false;
    }
  }
  for (const Value kept : graph.kept()) only[static_cast<std::size_t>(kept.id)] = false;
  return only;
}

}  // namespace

void narrow_folds(Graph& graph) {
  const std::vector<bool> biases = feeds_only<Conv2d>(graph, {Conv2d::kBias});
  const std::vector<bool> gradients =
      feeds_only<FoldBatchNormGrad>(graph, {FoldBatchNormGrad::kDfw, FoldBatchNormGrad::kDfb});
  const auto is = [](const std::vector<bool>& some, Value value) {
    return value && some[static_cast<std::size_t>(value.id)];
  };
  std::map<int, Value> instead;  // by the id of the wide value
  std::vector<Node> nodes;
  for (Node node : graph.nodes()) {
    for (Value& in : node.in) {
      if (const auto narrow = instead.find(in.id); narrow != instead.end()) in = narrow->second;
    }
    const auto make_narrow = [&](std::size_t out, std::shared_ptr<const Op> op) {
      node.op = std::move(op);
      const Value narrow = graph.add_intermediate({graph.activation(), graph.type(node.out[out]).shape});
      instead[node.out[out].id] = narrow;
      node.out[out] = narrow;
    };
    if (const auto* fold = dynamic_cast<const FoldBatchNorm*>(node.op.get()); fold && is(biases, node.out[1])) {
      make_narrow(1, std::make_shared<FoldBatchNorm>(fold->with_narrow_bias()));
    } else if (const auto* weights = dynamic_cast<const Conv2dWeightGrad*>(node.op.get());
               weights && !weights->is_product() && is(gradients, node.out[0])) {
      make_narrow(0, std::make_shared<Conv2dWeightGrad>(weights->narrow()));
    } else if (const auto* data = dynamic_cast<const Conv2dDataGradRelu*>(node.op.get());
               data && is(gradients, node.out[1])) {
      make_narrow(1, std::make_shared<Conv2dDataGradRelu>(data->narrow()));
    }
    nodes.push_back(std::move(node));
  }
  graph.replace_nodes(std::move(nodes));
}

}  // namespace dgsam
