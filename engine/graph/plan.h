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

struct Plan {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> offset;  ///< per value, kNone for values outside the arena or never used
  std::vector<int> last_use;        ///< per value, index of the last node that reads it; nodes().size() when kept
  std::size_t bytes = 0;            ///< of the arena
};

Plan plan_memory(const Graph& graph, MemoryMode mode);

}  // namespace dgsam
