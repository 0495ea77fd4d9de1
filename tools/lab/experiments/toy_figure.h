// The toy problem's figure: paths of each method, drawn over the three loss surfaces.
#pragma once

#include <string>

#include "tools/lab/experiments/toy.h"

namespace dgsam {

/// A self-contained SVG, for light and dark: one row of panels per method, one column per surface (domain 1, domain 2,
/// total), shaded on one common scale, both minima marked. Draws the runs with that rho (ERM has none), which must be
/// one of the result's: all of their ends, and about sixteen of their paths.
std::string toy_figure(const ToyResult& result, double rho);

}  // namespace dgsam
