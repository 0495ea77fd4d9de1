#include "engine/graph/program.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dgsam {

void Arena::reserve(std::size_t bytes) { wanted_ = std::max(wanted_, bytes); }

void* Arena::address() {
  if (buffer_.bytes() < wanted_) {
    buffer_ = Buffer();  // free first: the old contents are no longer needed, and both may not fit
    buffer_ = Buffer(*backend_, wanted_);
  }
  return buffer_.data();
}

Program::Program(Graph graph, Backend& backend, std::shared_ptr<Arena> arena, MemoryMode mode)
    : graph_(std::move(graph)),
      backend_(&backend),
      arena_(std::move(arena)),
      plan_(plan_memory(graph_, mode, backend.is_asynchronous())),
      input_addresses_(graph_.inputs().size()),
      profile_(graph_.nodes().size()) {
  arena_->reserve(plan_.bytes);
  joins_side_before_.resize(graph_.nodes().size() + 1);
  if (backend.is_asynchronous()) {
    side_joins_ = side_joins(graph_);
    for (const int join : side_joins_) {
      if (join != kInLine) joins_side_before_[static_cast<std::size_t>(join)] = true;
    }
  }
  for (const Node& node : graph_.nodes()) {
    in_.begin.push_back(in_.views.size());
    for (const Value value : node.in) add_operand(in_, value);
    out_.begin.push_back(out_.views.size());
    for (const Value value : node.out) add_operand(out_, value);
    for (const int input : node.op->updates()) add_operand(out_, node.in[static_cast<std::size_t>(input)]);
  }
  in_.begin.push_back(in_.views.size());
  out_.begin.push_back(out_.views.size());
}

template <class View>
void Program::add_operand(Operands<View>& operands, Value value) {
  const std::size_t index = operands.views.size();
  operands.views.push_back(value ? View{nullptr, graph_.type(value)} : View{});
  if (!value) return;
  const ValueInfo& info = graph_.info(value);
  if (info.space == Space::arena) {
    operands.in_arena.push_back({index, plan_.offset[static_cast<std::size_t>(value.id)]});
  } else {
    operands.bound.push_back({index, info.space, info.slot});
  }
}

void Program::bind(const Bindings& bindings) {
  if (void* const address = arena_->address(); address != arena_address_) {
    arena_address_ = address;
    const auto place = [&](auto& operands) {
      for (const InArena& operand : operands.in_arena) {
        operands.views[operand.index].data = static_cast<std::byte*>(address) + operand.offset;
      }
    };
    place(in_);
    place(out_);
  }
  for (std::size_t slot = 0; slot < input_addresses_.size(); ++slot) {
    const ValueInfo& input = graph_.info(graph_.inputs()[slot]);
    const auto bound = std::find_if(bindings.inputs.begin(), bindings.inputs.end(),
                                    [&](const NamedInput& named) { return named.name == input.name; });
    require(bound != bindings.inputs.end(), "a program was run without its input ", input.name);
    require(bound->tensor.type == input.type, "the input ", input.name, " of a program is ", input.type, ", not ",
            bound->tensor.type);
    input_addresses_[slot] = bound->tensor.data;
  }
  const auto segment = [](auto* vector, int slot, const char* what) {
    require(vector != nullptr, "a program was run without its ", what);
    return vector->segment(slot).data;
  };
  for (const Bound& operand : in_.bound) {
    const void*& data = in_.views[operand.index].data;
    switch (operand.space) {
      case Space::parameter:
        data = segment(bindings.theta, operand.slot, "parameters");
        break;
      case Space::gradient:
        data = segment(bindings.gradient, operand.slot, "gradient vector");
        break;
      case Space::statistic:
        data = segment(bindings.statistics, operand.slot, "statistics");
        break;
      case Space::input:
        data = input_addresses_[static_cast<std::size_t>(operand.slot)];
        break;
      case Space::arena:
        break;
    }
  }
  for (const Bound& operand : out_.bound) {
    void*& data = out_.views[operand.index].data;
    if (operand.space == Space::gradient) {
      data = segment(bindings.gradient, operand.slot, "gradient vector");
    } else {
      require(operand.space == Space::statistic, "a program writes gradients and statistics only");
      require(bindings.running_statistics == bindings.statistics, "a program that updates its statistics was run on ",
              "statistics that it may not write");
      data = segment(bindings.running_statistics, operand.slot, "statistics");
    }
  }
}

void Program::run(const Bindings& bindings) {
  using Clock = std::chrono::steady_clock;
  bind(bindings);
  if (profiling_) backend_->synchronize();
  for (std::size_t node = 0; node < graph_.nodes().size(); ++node) {
    const auto start = profiling_ ? Clock::now() : Clock::time_point();
    const bool on_side = !side_joins_.empty() && side_joins_[node] != kInLine;
    if (joins_side_before_[node]) backend_->join_side();
    if (on_side) backend_->begin_side();
    graph_.nodes()[node].op->run(*backend_, in_.of(node), out_.of(node));
    if (on_side) backend_->end_side();
    if (profiling_) {
      backend_->join_side();
      backend_->synchronize();
      profile_node(node, std::chrono::duration<double>(Clock::now() - start).count());
    }
  }
  if (joins_side_before_.back()) backend_->join_side();
}

void Program::profile_node(std::size_t node, double seconds) {
  NodeProfile& profile = profile_[node];
  profile.seconds += seconds;
  profile.flops += node_flops(node);
  profile.bytes += node_bytes(node);
  ++profile.runs;
}

ConstTensor Program::value(Value value) const {
  const std::size_t offset = plan_.offset[static_cast<std::size_t>(value.id)];
  const auto kept = std::find(graph_.kept().begin(), graph_.kept().end(), value);
  require(kept != graph_.kept().end() && offset != Plan::kNone, "value %", value.id, " was not kept");
  require(arena_address_ != nullptr, "value %", value.id, " was read before the first run");
  return {static_cast<const std::byte*>(arena_address_) + offset, graph_.type(value)};
}

double Program::node_flops(std::size_t node) const {
  const Node& at = graph_.nodes()[node];
  return at.op->flops(graph_.types(at.in), graph_.types(at.out));
}

double Program::node_bytes(std::size_t node) const {
  double bytes = 0;
  const auto add = [&](ConstTensor operand) {
    if (operand) bytes += static_cast<double>(operand.bytes());
  };
  for (const ConstTensor operand : in_.of(node)) add(operand);
  for (const Tensor operand : out_.of(node).first(graph_.nodes()[node].out.size())) add(operand);
  return bytes;
}

double Program::flops() const {
  double flops = 0;
  for (std::size_t node = 0; node < graph_.nodes().size(); ++node) flops += node_flops(node);
  return flops;
}

}  // namespace dgsam
