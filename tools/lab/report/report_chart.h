// Charts as inline SVG. They use the page's CSS: classes c0..c5 set the colour, everything else follows the theme.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dgsam {

struct Curve {
  std::string label;
  int colour = 0;
  std::vector<double> x, y;     // of equal length; points that are not finite are skipped
  std::vector<double> error{};  // of bars: half the length of a whisker; empty or not finite: none
  bool thin = false;            // one of several repetitions, behind the others and without a label at its end
  bool dashed = false;          // a second curve of the same label, which is not repeated at its end
};

struct LineChart {
  std::string title;
  int decimals = 0;     // of the values told on hover
  bool points = false;  // mark and explain every point; otherwise the line alone
  std::vector<Curve> curves;
  std::string x_label = "step";
  bool y_from_zero = false;
  std::vector<double> y_includes{};  // values that the y axis reaches whatever the curves do
};

/// The x axis starts at 0, or below if curves do. A chart with nothing to draw says so.
std::string line_chart(const LineChart& chart);

struct BarChart {
  std::string title;
  std::vector<std::string> groups;
  std::vector<Curve> bars;  // y has one value per group; x is not used
  int decimals = 3;         // of the values told on hover
  bool marks = false;       // points on an axis that fits them, in the place of bars from 0
};

/// Bars side by side in each group, with their whiskers.
std::string bar_chart(const BarChart& chart);

/// Means of `window` values each, the last one of fewer: a smooth line of a noisy series.
Curve smoothed(const Curve& curve, std::size_t window);

/// The mean over the curves, where all of them have a point. Takes colour and label of the first.
Curve mean_curve(const std::vector<Curve>& curves);

/// At most about `points` points of a curve, evenly chosen; the first and the last one stay.
Curve thinned(const Curve& curve, std::size_t points);

}  // namespace dgsam
