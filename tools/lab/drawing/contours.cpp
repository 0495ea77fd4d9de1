#include "tools/lab/drawing/contours.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>

namespace dgsam {

namespace {

/// The crossings of grid edges with a level. Each is an end of at most two segments, one per cell beside it.
class Crossings {
 public:
  Crossings(const std::vector<std::vector<double>>& heights, double level) : heights_(heights), level_(level) {
    for (std::size_t j = 0; j + 1 < heights.size(); ++j) {
      for (std::size_t i = 0; i + 1 < heights[j].size(); ++i) add_cell(i, j);
    }
  }

  std::vector<Contour> lines() {
    std::vector<Contour> lines;
    for (const auto& [edge, next] : neighbours_) {  // those that begin at the border of the grid
      if (next.size() == 1 && !visited_[edge]) lines.push_back(line_from(edge));
    }
    for (const auto& [edge, next] : neighbours_) {
      if (visited_[edge]) continue;
      lines.push_back(line_from(edge));
      lines.back().push_back(lines.back().front());
    }
    return lines;
  }

 private:
  /// From (i, j) to the right, or down in the direction of j.
  struct Edge {
    std::size_t j, i;
    bool down;
    auto operator<=>(const Edge&) const = default;
  };

  bool above(std::size_t i, std::size_t j) const { return heights_[j][i] >= level_; }

  void add_cell(std::size_t i, std::size_t j) {
    const Edge top{j, i, false}, right{j, i + 1, true}, bottom{j + 1, i, false}, left{j, i, true};
    const std::array<bool, 4> corner = {above(i, j), above(i + 1, j), above(i + 1, j + 1), above(i, j + 1)};
    std::vector<Edge> crossed;
    if (corner[0] != corner[1]) crossed.push_back(top);
    if (corner[1] != corner[2]) crossed.push_back(right);
    if (corner[2] != corner[3]) crossed.push_back(bottom);
    if (corner[3] != corner[0]) crossed.push_back(left);
    if (crossed.size() == 2) connect(crossed[0], crossed[1]);
    if (crossed.size() < 4) return;
    const double middle = (heights_[j][i] + heights_[j][i + 1] + heights_[j + 1][i] + heights_[j + 1][i + 1]) / 4;
    // The corner (i, j) is joined with its opposite through the middle, or cut off from it.
    const bool joined = (middle >= level_) == corner[0];
    connect(top, joined ? right : left);
    connect(bottom, joined ? left : right);
  }

  void connect(const Edge& a, const Edge& b) {
    neighbours_[a].push_back(b);
    neighbours_[b].push_back(a);
  }

  ContourPoint place(const Edge& edge) const {
    const double from = heights_[edge.j][edge.i];
    const double to = edge.down ? heights_[edge.j + 1][edge.i] : heights_[edge.j][edge.i + 1];
    const double along = (level_ - from) / (to - from);
    return {static_cast<double>(edge.i) + (edge.down ? 0 : along),
            static_cast<double>(edge.j) + (edge.down ? along : 0)};
  }

  Contour line_from(Edge edge) {
    Contour line;
    while (true) {
      visited_[edge] = true;
      line.push_back(place(edge));
      const std::vector<Edge>& next = neighbours_[edge];
      const auto unvisited = std::find_if(next.begin(), next.end(), [&](const Edge& e) { return !visited_[e]; });
      if (unvisited == next.end()) return line;
      edge = *unvisited;
    }
  }

  const std::vector<std::vector<double>>& heights_;
  double level_;
  std::map<Edge, std::vector<Edge>> neighbours_;
  std::map<Edge, bool> visited_;
};

}  // namespace

std::vector<Contour> contours(const std::vector<std::vector<double>>& heights, double level) {
  return Crossings(heights, level).lines();
}

}  // namespace dgsam
