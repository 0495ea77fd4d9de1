// The readable form of a program.
#include <algorithm>
#include <iomanip>
#include <sstream>

#include "engine/graph/program.h"

namespace dgsam {

namespace {

std::string value_text(const Graph& graph, Value value) {
  if (!value) return "-";
  const ValueInfo& info = graph.info(value);
  switch (info.space) {
    case Space::parameter:
    case Space::statistic:
    case Space::input:
      return info.name;
    case Space::gradient:
      return "d(" + graph.theta_layout()->segments()[static_cast<std::size_t>(info.slot)].name + ")";
    case Space::arena:
      break;
  }
  return "%" + std::to_string(value.id);
}

std::string list_text(const Graph& graph, const std::vector<Value>& values) {
  std::string text;
  for (const Value value : values) text += (text.empty() ? "" : ", ") + value_text(graph, value);
  return text;
}

std::string megabytes(std::size_t bytes) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(2) << static_cast<double>(bytes) / 1e6 << " MB";
  return out.str();
}

}  // namespace

std::string Program::dump() const {
  std::ostringstream out;
  out << "# " << graph_.nodes().size() << " operations, " << graph_.theta_layout()->parameters() << " parameters, "
      << std::fixed << std::setprecision(2) << flops() / 1e9 << " GFLOP, arena " << megabytes(plan_.bytes) << '\n'
      << "# results = operation(operands) attributes  -> type @offset in the arena, bytes  | frees values whose bytes "
         "are reused\n";
  for (const Value input : graph_.inputs()) {
    out << "input " << graph_.info(input).name << ' ' << graph_.type(input).text() << '\n';
  }
  std::string label;
  for (std::size_t index = 0; index < graph_.nodes().size(); ++index) {
    const Node& node = graph_.nodes()[index];
    if (node.label != label) out << (label = node.label) << ":\n";
    out << "  " << list_text(graph_, node.out) << " = " << node.op->name() << '(' << list_text(graph_, node.in) << ')';
    if (const std::string attributes = node.op->attributes(); !attributes.empty()) out << ' ' << attributes;
    for (const Value value : node.out) {
      if (!value) continue;
      out << "  -> " << graph_.type(value).text();
      const std::size_t offset = plan_.offset[static_cast<std::size_t>(value.id)];
      if (offset != Plan::kNone) out << " @" << offset;
    }
    std::vector<Value> freed;
    for (const Value value : node.in) {
      if (value && graph_.info(value).space == Space::arena &&
          plan_.last_use[static_cast<std::size_t>(value.id)] == static_cast<int>(index) &&
          std::find(freed.begin(), freed.end(), value) == freed.end()) {
        freed.push_back(value);
      }
    }
    if (!freed.empty()) out << "  | frees " << list_text(graph_, freed);
    out << '\n';
  }
  return out.str();
}

}  // namespace dgsam
