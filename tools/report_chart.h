// Charts as inline SVG. They use the page's CSS: classes c0..c5 set the colour, everything else follows the theme.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dgsam {

/// `text` for HTML content and for attribute values in double quotes.
std::string escaped(std::string_view text);

/// Colours of the palette; index i is drawn in colour i % kColours.
inline constexpr int kColours = 6;

struct Curve {
  std::string label;
  int colour = 0;
  std::vector<double> x, y;  // of equal length; points that are not finite are skipped
};

struct LineChart {
  std::string title;
  int decimals = 0;     // of the values told on hover
  bool points = false;  // mark and explain every point; otherwise the line alone
  std::vector<Curve> curves;
};

/// Steps on the x axis, from 0. A chart with nothing to draw says so.
std::string line_chart(const LineChart& chart);

struct BarChart {
  std::string title;
  std::vector<std::string> groups;
  std::vector<Curve> bars;  // y has one value per group; x is not used
};

/// Bars side by side in each group, from 0, values with three decimals on hover.
std::string bar_chart(const BarChart& chart);

/// Up to about `count` round values (1, 2 or 5 times a power of ten apart) inside [low, high].
std::vector<double> round_ticks(double low, double high, int count);

/// The mean of each window of values, at most `points` windows: a smooth line of a noisy series.
Curve smoothed(const Curve& curve, int points);

}  // namespace dgsam
