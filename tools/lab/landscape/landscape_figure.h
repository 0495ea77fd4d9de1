// A landscape as a picture.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "tools/lab/drawing/colour_scale.h"
#include "tools/lab/landscape/landscape.h"

namespace dgsam {

/// From the lowest value of all losses to the highest, or to `highest`; without that at most to 5 ln K, five times the
/// loss of guessing among K classes. Throws Error when no value is finite, or none is below the end.
ColourScale scale_of(std::span<const Landscape> landscapes, bool logarithmic, std::optional<double> highest = {});

/// A plane: a map with contour lines for every loss, all on one scale, each checkpoint marked. A path: a curve for
/// every loss over one axis of values. What lies beyond the scale is drawn at its end.
std::string landscape_svg(const Landscape& landscape, const ColourScale& scale);

}  // namespace dgsam
