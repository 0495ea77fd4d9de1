// Pieces of SVG that drawings share: in the page of a report, whose style sheet they use, or as files of their own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/lab/drawing/palette.h"

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
/// Of a drawing in a page; `title`: for those who cannot see it.
std::string svg_opening(const std::string& title, double width, double height);
/// Of a drawing in a file of its own, with its style sheet, on the paper that the sheet's class "paper" fills. It takes
/// the room that there is, or as many pixels as it has units where `sized`. `title` is escaped().
std::string svg_file_opening(const std::string& title, double width, double height, std::string_view style,
                             bool sized = false);
/// Horizontal lines at round values, each with its value.
std::string chart_grid(const ChartFrame& frame);
/// A horizontal axis at height `y` of the view box.
std::string chart_axis(const ChartFrame& frame, double y);
/// A mark whose shape tells methods apart without colour (circle, square, diamond), with a text on hover.
std::string chart_mark(double x, double y, int colour, const std::string& hover);

}  // namespace dgsam
