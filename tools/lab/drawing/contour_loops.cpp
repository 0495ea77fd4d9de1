#include "tools/lab/drawing/contour_loops.h"

#include <array>
#include <map>
#include <utility>

namespace dgsam {
namespace {

struct Node {
  int column, row;
};

/// Between two neighbours. Ordered, so that both cells beside an edge name it alike.
using Edge = std::pair<std::pair<int, int>, std::pair<int, int>>;

Edge edge_of(Node a, Node b) {
  std::pair<int, int> first{a.row, a.column}, second{b.row, b.column};
  if (second < first) std::swap(first, second);
  return {first, second};
}

class Levels {
 public:
  Levels(const ContourGrid& grid, double level) : grid_(grid), level_(level) {}

  /// Nodes around the grid lie below every level, so that every loop is closed.
  bool above(Node node) const { return inside(node) && value(node) > level_; }

  /// Where the level crosses an edge. A region that reaches the border ends on it.
  LoopPoint crossing(const Edge& edge) const {
    const Node a{edge.first.second, edge.first.first}, b{edge.second.second, edge.second.first};
    if (!inside(a)) return {static_cast<double>(b.column), static_cast<double>(b.row)};
    if (!inside(b)) return {static_cast<double>(a.column), static_cast<double>(a.row)};
    const double part = (level_ - value(a)) / (value(b) - value(a));
    return {a.column + part * (b.column - a.column), a.row + part * (b.row - a.row)};
  }

 private:
  bool inside(Node node) const {
    return node.column >= 0 && node.column < grid_.columns && node.row >= 0 && node.row < grid_.rows;
  }
  double value(Node node) const {
    return grid_.values[static_cast<std::size_t>(node.row) * static_cast<std::size_t>(grid_.columns) +
                        static_cast<std::size_t>(node.column)];
  }

  const ContourGrid& grid_;
  double level_;
};

}  // namespace

std::vector<std::vector<LoopPoint>> loops_above(const ContourGrid& grid, double level) {
  const Levels levels(grid, level);
  // Around each cell, the region is left over one edge and entered again over the next crossed one: between the two
  // runs its boundary. What is an exit of one cell is an entry of its neighbour, so the pieces join to loops.
  std::map<Edge, Edge> next;
  for (int row = -1; row < grid.rows; ++row) {
    for (int column = -1; column < grid.columns; ++column) {
      const std::array<Node, 4> corners{{{column, row}, {column + 1, row}, {column + 1, row + 1}, {column, row + 1}}};
      const auto corner = [&](std::size_t i) { return corners[i % 4]; };
      for (std::size_t exit = 0; exit < 4; ++exit) {
        if (!levels.above(corner(exit)) || levels.above(corner(exit + 1))) continue;
        std::size_t entry = exit + 1;
        while (!levels.above(corner(entry + 1))) ++entry;
        next[edge_of(corner(exit), corner(exit + 1))] = edge_of(corner(entry), corner(entry + 1));
      }
    }
  }
  std::vector<std::vector<LoopPoint>> loops;
  while (!next.empty()) {
    loops.emplace_back();
    for (auto at = next.begin(); at != next.end();) {
      loops.back().push_back(levels.crossing(at->first));
      const Edge following = at->second;
      next.erase(at);
      at = next.find(following);
    }
  }
  return loops;
}

}  // namespace dgsam
