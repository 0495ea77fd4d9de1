#include "engine/graph/graph.h"

#include <algorithm>
#include <utility>

namespace dgsam {

std::vector<Value> Op::gradient(Graph&, const Node& node, std::span<const Value>) const {
  fail("operation ", node.op->name(), " has no gradient");
}

double Op::flops(std::span<const Type>, std::span<const Type>) const { return 0; }

bool Op::in_place(int, int) const { return false; }

Graph::Graph(DType activation, Layout preferred) : activation_(activation), preferred_(preferred) {
  require(activation == DType::f32 || activation == DType::f64 || activation == DType::bf16,
          "activations are f32, f64 or bf16, not ", name_of(activation));
}

Layout Graph::image_layout(std::int64_t channels) const { return channels % kBlock == 0 ? preferred_ : Layout::dense; }

Value Graph::new_value(ValueInfo info, bool needs) {
  values_.push_back(std::move(info));
  needs_gradient_.push_back(needs);
  return {static_cast<int>(values_.size()) - 1};
}

Value Graph::input(const std::string& name, const Type& type) {
  const int slot = static_cast<int>(inputs_.size());
  inputs_.push_back(new_value({type, Space::input, slot, -1, name}, false));
  return inputs_.back();
}

Value Graph::input_named(std::string_view name) const {
  const auto found =
      std::find_if(inputs_.begin(), inputs_.end(), [&](Value input) { return info(input).name == name; });
  require(found != inputs_.end(), "a graph has no input ", name);
  return *found;
}

Value Graph::parameter(const std::string& name, const Shape& shape, Init init) {
  const int slot = theta_layout_->add(name, shape);
  inits_.push_back(init);
  parameters_.push_back(new_value({{master(), shape, Layout::dense}, Space::parameter, slot, -1, name}, true));
  return parameters_.back();
}

Value Graph::statistic(const std::string& name, const Shape& shape, double initial) {
  const int slot = statistic_layout_->add(name, shape);
  statistic_inits_.push_back(initial);
  return new_value({{master(), shape, Layout::dense}, Space::statistic, slot, -1, name}, false);
}

std::vector<Type> Graph::types(const std::vector<Value>& values) const {
  std::vector<Type> types;
  types.reserve(values.size());
  for (const Value value : values) types.push_back(value ? type(value) : absent_type());
  return types;
}

std::vector<Value> Graph::append(std::shared_ptr<const Op> op, std::vector<Value> in) {
  bool needs = false;
  for (const Value value : in) needs = needs || needs_gradient(value);
  Node node{std::move(op), std::move(in), {}, label_};
  const int index = static_cast<int>(nodes_.size());
  for (const Type& type : node.op->infer(types(node.in))) {
    // An output that is not wanted (an absent type) gets no value.
    node.out.push_back(present(type) ? new_value({type, Space::arena, -1, index, {}}, needs) : Value{});
  }
  nodes_.push_back(std::move(node));
  return nodes_.back().out;
}

Value Graph::append_one(std::shared_ptr<const Op> op, std::vector<Value> in) {
  return append(std::move(op), std::move(in)).front();
}

bool Graph::needs_gradient(Value value) const { return value && needs_gradient_[static_cast<std::size_t>(value.id)]; }

void Graph::bind_gradient(Value parameter, Value gradient) {
  const ValueInfo& target = info(parameter);
  ValueInfo& bound = values_[static_cast<std::size_t>(gradient.id)];
  require(target.space == Space::parameter && bound.space == Space::arena && bound.producer >= 0, "the gradient of ",
          target.name, " must be the result of a node and belong to this parameter alone");
  require(bound.type == target.type, "the gradient of ", target.name, " is ", bound.type.text(), ", the parameter ",
          target.type.text());
  bound.space = Space::gradient;
  bound.slot = target.slot;
}

void Graph::replace_nodes(std::vector<Node> nodes) {
  nodes_ = std::move(nodes);
  for (ValueInfo& value : values_) value.producer = -1;
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    for (const Value value : nodes_[index].in) {
      require(!value || info(value).producer >= 0 ||
                  (info(value).space != Space::arena && info(value).space != Space::gradient),
              "a rewrite removed the producer of an operand of ", nodes_[index].op->name());
    }
    for (const Value value : nodes_[index].out) {
      if (value) values_[static_cast<std::size_t>(value.id)].producer = static_cast<int>(index);
    }
  }
}

}  // namespace dgsam
