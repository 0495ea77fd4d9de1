// Colours for values: one scale for all maps of a figure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dgsam {

using Rgb = std::array<std::uint8_t, 3>;

/// From low < high, in equal steps of the value or, where `logarithmic`, of its logarithm (low > 0). Values beyond are
/// drawn in the colours of the ends.
struct ColourScale {
  double low = 0, high = 1;
  bool logarithmic = true;

  /// 0 at low, 1 at high; beyond [0, 1] outside, but never by more than 1. NaN is as infinity: 2.
  double position(double value) const;
  /// The value at a position in [0, 1].
  double value(double position) const;
  /// Round values between low and high, ascending: for ticks and contour lines. At most about ten.
  std::vector<double> levels() const;
};

/// Where a scale of losses ends that are low to high: at five times the loss of guessing among `classes`, 5 ln K, when
/// some are above and most of the scale stays.
double highest_shown(double low, double high, int classes);

/// From a dark blue at 0 over green to a light yellow at 1, in even steps of lightness (Oklab, Ottosson 2020), so that
/// it reads without colour, too. `position` outside of [0, 1] is one of the ends.
Rgb colour_at(double position);

/// "0.5", "20", "1e+04"
std::string level_text(double level);

}  // namespace dgsam
