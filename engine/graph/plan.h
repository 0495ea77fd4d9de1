// Plan: where each intermediate value lies in one arena. Two values share bytes when they are never alive together.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/graph/graph.h"

namespace dgsam {

enum class MemoryMode : std::uint8_t {
  shared,       ///< lifetimes decide; outputs take over dying inputs where the op allows it
  all_private,  ///< every value has its own bytes: for debugging, and to test the plan against
};

/// For each node, the index of the node before which it must have ended if it runs on the side (Backend::begin_side):
/// the first later one that reads what it writes or may run there itself, or nodes().size(). kInLine for a node that
/// may not.
inline constexpr int kInLine = -1;
std::vector<int> side_joins(const Graph& graph);

struct Plan {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> offset;  ///< per value, kNone for values outside the arena or never used
  /// Per value, index of the last node that runs while it is needed, by that node or by one on the side;
  /// nodes().size() when kept.
  std::vector<int> last_use;
  std::size_t bytes = 0;  ///< of the arena
};

/// `uses_side`: whether nodes that may run on the side will do so; then nothing may take over what they touch before
/// they ended.
Plan plan_memory(const Graph& graph, MemoryMode mode, bool uses_side = false);

}  // namespace dgsam
