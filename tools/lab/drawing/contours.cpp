#include "tools/lab/drawing/contours.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

namespace dgsam {

namespace {

struct Node {
  int row, column;
  auto operator<=>(const Node&) const = default;
};

/// Between two neighbours. Ordered, so that both cells beside an edge name it alike.
using Edge = std::pair<Node, Node>;

struct BoundaryPoint {
  ContourPoint place;
  bool border;  ///< the region reaches the grid's border there
};

using Loop = std::vector<BoundaryPoint>;

class Boundary {
 public:
  Boundary(const Heights& heights, double level) : heights_(heights), level_(level) {}

  std::vector<Loop> loops() const {
    // Around each cell, the region is left over one edge and entered again over another one: between the two runs its
    // boundary. What is an exit of one cell is an entry of its neighbour, so the pieces join to loops.
    std::map<Edge, Edge> next;
    for (int row = -1; row < rows(); ++row) {
      for (int column = -1; column < columns(); ++column) add_cell(row, column, next);
    }
    std::vector<Loop> loops;
    while (!next.empty()) {
      loops.emplace_back();
      for (auto at = next.begin(); at != next.end();) {
        loops.back().push_back(crossing(at->first));
        const Edge following = at->second;
        next.erase(at);
        at = next.find(following);
      }
    }
    return loops;
  }

 private:
  int rows() const { return static_cast<int>(heights_.size()); }
  int columns() const { return static_cast<int>(heights_[0].size()); }
  double height(const Node& node) const {
    return heights_[static_cast<std::size_t>(node.row)][static_cast<std::size_t>(node.column)];
  }
  /// Nodes around the grid, like those without a height, lie below every level, so that every loop is closed.
  bool inside(const Node& node) const {
    return node.row >= 0 && node.row < rows() && node.column >= 0 && node.column < columns() &&
           !std::isnan(height(node));
  }
  bool above(const Node& node) const { return inside(node) && height(node) > level_; }

  void add_cell(int row, int column, std::map<Edge, Edge>& next) const {
    const std::array<Node, 4> corners{{{row, column}, {row, column + 1}, {row + 1, column + 1}, {row + 1, column}}};
    const auto corner = [&](std::size_t i) { return corners[i % 4]; };
    const auto edge = [&](std::size_t i) { return Edge(std::minmax(corner(i), corner(i + 1))); };
    const bool saddle = above(corners[0]) == above(corners[2]) && above(corners[1]) == above(corners[3]) &&
                        above(corners[0]) != above(corners[1]);
    bool joined = true;  // the corners above, through the middle of a saddle
    if (saddle) {
      double sum = 0;
      for (const Node& one : corners) sum += height(one);
      joined = sum / 4 > level_;
    }
    for (std::size_t exit = 0; exit < 4; ++exit) {
      if (!above(corner(exit)) || above(corner(exit + 1))) continue;
      std::size_t entry = exit + (joined ? 1 : 3);
      while (!above(corner(entry + 1))) ++entry;
      next[edge(exit)] = edge(entry);
    }
  }

  BoundaryPoint crossing(const Edge& edge) const {
    const auto& [a, b] = edge;
    const auto at = [](const Node& node) {
      return ContourPoint{static_cast<double>(node.column), static_cast<double>(node.row)};
    };
    if (!inside(a)) return {at(b), true};
    if (!inside(b)) return {at(a), true};
    const double part = (level_ - height(a)) / (height(b) - height(a));
    return {{a.column + part * (b.column - a.column), a.row + part * (b.row - a.row)}, false};
  }

  const Heights& heights_;
  double level_;
};

}  // namespace

std::vector<Contour> regions_above(const Heights& heights, double level) {
  std::vector<Contour> regions;
  for (const Loop& loop : Boundary(heights, level).loops()) {
    regions.emplace_back();
    for (const BoundaryPoint& point : loop) regions.back().push_back(point.place);
  }
  return regions;
}

std::vector<Contour> contour_lines(const Heights& heights, double level) {
  std::vector<Contour> lines;
  for (Loop& loop : Boundary(heights, level).loops()) {
    // From a border on, no line goes on over the end of the loop.
    const auto border = std::find_if(loop.begin(), loop.end(), [](const BoundaryPoint& point) { return point.border; });
    const bool closed = border == loop.end();
    std::rotate(loop.begin(), closed ? loop.begin() : border, loop.end());
    bool open = false;
    for (const BoundaryPoint& point : loop) {
      if (!point.border && !open) lines.emplace_back();
      open = !point.border;
      if (open) lines.back().push_back(point.place);
    }
    if (closed) lines.back().push_back(lines.back().front());
  }
  return lines;
}

}  // namespace dgsam
