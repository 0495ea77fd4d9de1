// Contours of a grid of heights (marching squares): the regions above a level, and the lines on which it lies.
#pragma once

#include <vector>

namespace dgsam {

/// heights[j][i] is the height at the place (i, j), in rows of equal length. One that is NaN lies below every level.
using Heights = std::vector<std::vector<double>>;

/// In grid steps. Between neighbours heights are linear.
struct ContourPoint {
  double x = 0, y = 0;
};

using Contour = std::vector<ContourPoint>;

/// The boundary of the region above `level`, as closed loops (the last point joins the first), which run along the
/// grid's border where the region does. Filled by the even-odd rule they are the region. Where the lines through a cell
/// could go either way, the mean of its corners decides.
std::vector<Contour> regions_above(const Heights& heights, double level);

/// The parts of these boundaries that lie inside the grid: the lines on which the height is `level`. A closed one ends
/// where it begins.
std::vector<Contour> contour_lines(const Heights& heights, double level);

}  // namespace dgsam
