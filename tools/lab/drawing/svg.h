// Pieces of SVG that drawings share. They use the page's CSS: classes c0..c5 set the colour.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dgsam {

/// `text` for HTML content and for attribute values in double quotes.
std::string escaped(std::string_view text);

/// Up to about `count` round values (1, 2 or 5 times a power of ten apart) inside [low, high].
std::vector<double> round_ticks(double low, double high, int count);
/// A tick's value, as short as it can be.
std::string tick_text(double value);

/// A coordinate with one decimal.
std::string svg_number(double value);
/// At most `length` characters (not bytes), the last one an ellipsis when something was cut.
std::string shortened(const std::string& text, std::size_t length);
/// Colours of the palette; index i is drawn in colour i % kColours.
inline constexpr int kColours = 6;

std::string colour_class(int colour);

/// Margins around the data, in the units of the view box.
inline constexpr double kChartLeft = 44, kChartTop = 12, kChartBottom = 34;

/// Where data lie in the view box.
struct ChartFrame {
  double width, height, right;
  double x_low, x_high, y_low, y_high;

  double x(double value) const;
  double y(double value) const;
};

std::string svg_text(double x, double y, const std::string& anchor, const std::string& text,
                     const std::string& classes = "");
std::string svg_opening(const std::string& title, double width, double height);
/// Horizontal lines at round values, each with its value.
std::string chart_grid(const ChartFrame& frame);
/// A horizontal axis at height `y` of the view box.
std::string chart_axis(const ChartFrame& frame, double y);
/// A mark whose shape tells methods apart without colour (circle, square, diamond), with a text on hover.
std::string chart_mark(double x, double y, int colour, const std::string& hover);

}  // namespace dgsam
