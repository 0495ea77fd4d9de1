// Filled contours: the regions of a grid of values that lie above a level, as closed loops.
#pragma once

#include <vector>

namespace dgsam {

/// Values at columns × rows points, one apart; the point (column, row) is values[row * columns + column].
struct ContourGrid {
  int columns = 0, rows = 0;
  std::vector<double> values;
};

struct LoopPoint {
  double column = 0, row = 0;
};

/// The boundary of the region above `level`, by marching squares with linear interpolation. Loops are closed (the last
/// point joins the first), run along the grid's border where the region does, and filled by the even-odd rule they are
/// the region. Where a cell's diagonals disagree, its high corners are joined.
std::vector<std::vector<LoopPoint>> loops_above(const ContourGrid& grid, double level);

}  // namespace dgsam
