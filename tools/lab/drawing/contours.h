// Lines of equal height on a grid (marching squares).
#pragma once

#include <vector>

namespace dgsam {

struct ContourPoint {
  double x = 0, y = 0;  ///< in grid steps: (i, j) is the place of heights[j][i]
};

/// One line; a closed one ends where it begins.
using Contour = std::vector<ContourPoint>;

/// All lines on which the height, linear along the grid's edges, is `level`. heights[j][i] are finite, in rows of equal
/// length. Where the two lines through a cell could go either way, the mean of its corners decides.
std::vector<Contour> contours(const std::vector<std::vector<double>>& heights, double level);

}  // namespace dgsam
