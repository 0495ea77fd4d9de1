#include "engine/graph/plan.h"

#include <algorithm>

namespace dgsam {

namespace {

/// Values that take over one another's bytes, and the stretch of the list during which they are needed.
struct Block {
  std::size_t bytes = 0;
  int first = 0;  ///< index of the node that writes it first
  int last = 0;   ///< index of the last node that touches it
  std::size_t offset = 0;

  bool alive_with(const Block& other) const { return first <= other.last && other.first <= last; }
};

constexpr std::size_t kPlanAlignment = 64;

std::size_t index(Value value) { return static_cast<std::size_t>(value.id); }

std::vector<int> last_uses(const Graph& graph) {
  std::vector<int> last(graph.values().size(), -1);
  for (std::size_t node = 0; node < graph.nodes().size(); ++node) {
    for (const auto& operands : {graph.nodes()[node].out, graph.nodes()[node].in}) {
      for (const Value value : operands) {
        if (value) last[index(value)] = static_cast<int>(node);
      }
    }
  }
  for (const Value value : graph.kept()) last[index(value)] = static_cast<int>(graph.nodes().size());
  return last;
}

/// Keeps the operands of nodes that run on the side until the node before which they are joined; that node included,
/// lest one before it writes its result in their place.
void keep_until_joined(const Graph& graph, std::vector<int>& last) {
  const std::vector<int> joins = side_joins(graph);
  for (std::size_t node = 0; node < joins.size(); ++node) {
    if (joins[node] == kInLine) continue;
    for (const auto& operands : {graph.nodes()[node].out, graph.nodes()[node].in}) {
      for (const Value value : operands) {
        if (value) last[index(value)] = std::max(last[index(value)], joins[node]);
      }
    }
  }
}

/// The block whose bytes output `out` may take over: that of an input which dies at this node.
int inherited_block(const Graph& graph, const std::vector<int>& last_use, const std::vector<int>& block_of, int node,
                    int out, const std::vector<int>& taken) {
  const Node& at = graph.nodes()[static_cast<std::size_t>(node)];
  const Type& type = graph.type(at.out[static_cast<std::size_t>(out)]);
  for (std::size_t in = 0; in < at.in.size(); ++in) {
    const Value value = at.in[in];
    if (!value || !at.op->in_place(static_cast<int>(in), out) || last_use[index(value)] != node) continue;
    const int block = block_of[index(value)];
    if (block < 0 || graph.type(value).bytes() != type.bytes()) continue;
    if (std::find(taken.begin(), taken.end(), block) == taken.end()) return block;
  }
  return -1;
}

/// Greedy by size: the largest block first, each at the lowest offset that is free during its whole life.
std::size_t place(std::vector<Block>& blocks) {
  std::vector<Block*> order;
  for (Block& block : blocks) order.push_back(&block);
  std::stable_sort(order.begin(), order.end(), [](const Block* a, const Block* b) { return a->bytes > b->bytes; });
  std::vector<const Block*> placed;  // by offset
  std::size_t total = 0;
  for (Block* block : order) {
    std::size_t offset = 0;
    for (const Block* other : placed) {
      if (!other->alive_with(*block)) continue;
      if (other->offset >= offset + block->bytes) break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    block->offset = offset;
    const auto behind = std::upper_bound(placed.begin(), placed.end(), block,
                                         [](const Block* a, const Block* b) { return a->offset < b->offset; });
    placed.insert(behind, block);
    total = std::max(total, offset + block->bytes);
  }
  return total;
}

}  // namespace

std::vector<int> side_joins(const Graph& graph) {
  const std::vector<Node>& nodes = graph.nodes();
  std::vector<int> joins(nodes.size(), kInLine);
  const auto reads = [](const Node& node, const Node& writer) {
    return std::any_of(writer.out.begin(), writer.out.end(), [&](Value out) {
      return out && std::find(node.in.begin(), node.in.end(), out) != node.in.end();
    });
  };
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    if (!nodes[node].op->may_run_on_side()) continue;
    std::size_t join = node + 1;
    while (join < nodes.size() && !nodes[join].op->may_run_on_side() && !reads(nodes[join], nodes[node])) ++join;
    joins[node] = static_cast<int>(join);
  }
  return joins;
}

Plan plan_memory(const Graph& graph, MemoryMode mode, bool uses_side) {
  Plan plan;
  plan.last_use = last_uses(graph);
  if (uses_side) keep_until_joined(graph, plan.last_use);
  std::vector<Block> blocks;
  std::vector<int> block_of(graph.values().size(), -1);
  const int end = static_cast<int>(graph.nodes().size());
  for (int node = 0; node < end; ++node) {
    const Node& at = graph.nodes()[static_cast<std::size_t>(node)];
    std::vector<int> taken;  // one input's bytes go to one output only
    for (std::size_t out = 0; out < at.out.size(); ++out) {
      const Value value = at.out[out];
      if (!value || graph.info(value).space != Space::arena) continue;
      const int last = mode == MemoryMode::all_private ? end : plan.last_use[index(value)];
      int block = mode == MemoryMode::all_private
                      ? -1
                      : inherited_block(graph, plan.last_use, block_of, node, static_cast<int>(out), taken);
      if (block >= 0) {
        blocks[static_cast<std::size_t>(block)].last = last;
        taken.push_back(block);
      } else {
        const std::size_t bytes = (graph.type(value).bytes() + kPlanAlignment - 1) / kPlanAlignment * kPlanAlignment;
        block = static_cast<int>(blocks.size());
        blocks.push_back({bytes, mode == MemoryMode::all_private ? 0 : node, last, 0});
      }
      block_of[index(value)] = block;
    }
  }
  plan.bytes = place(blocks);
  plan.offset.assign(graph.values().size(), Plan::kNone);
  for (std::size_t value = 0; value < block_of.size(); ++value) {
    if (block_of[value] >= 0) plan.offset[value] = blocks[static_cast<std::size_t>(block_of[value])].offset;
  }
  return plan;
}

}  // namespace dgsam
