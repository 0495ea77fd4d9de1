#include <algorithm>
#include <cmath>
#include <optional>

#include "tools/lab/drawing/svg.h"
#include "tools/lab/report/report_chart.h"
#include "tools/results/tables.h"

namespace dgsam {
namespace {

/// Half a whisker's length; 0 without one.
double error_of(const Curve& bars, std::size_t group) {
  return group < bars.error.size() && std::isfinite(bars.error[group]) ? bars.error[group] : 0;
}

/// The range of the y axis, whose ends are round; nothing when there is nothing to draw.
std::optional<ChartFrame> frame_of(const BarChart& chart) {
  double low = 0, high = 0;
  bool any = false;
  for (const Curve& bars : chart.bars) {
    for (std::size_t group = 0; group < bars.y.size(); ++group) {
      if (!std::isfinite(bars.y[group])) continue;
      const double from = bars.y[group] - error_of(bars, group), to = bars.y[group] + error_of(bars, group);
      low = !any && chart.marks ? from : std::min(low, from);
      high = !any && chart.marks ? to : std::max(high, to);
      any = true;
    }
  }
  if (!any) return {};
  if (high - low < 1e-12 * (1 + std::abs(high))) high = low + std::max(1e-3, std::abs(low) * 0.01);
  const std::vector<double> ticks = round_ticks(low, high, 5);
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : (high - low) / 2;
  return ChartFrame{450,
                    300,
                    8,
                    0,
                    static_cast<double>(chart.groups.size()),
                    std::floor(low / step) * step,
                    std::ceil(high / step) * step};
}

std::string whisker(const ChartFrame& frame, double x, double value, double error) {
  const std::string from = svg_number(frame.y(value - error)), to = svg_number(frame.y(value + error));
  return "<path class=\"whisker\" d=\"M" + svg_number(x) + " " + from + "V" + to + "M" + svg_number(x - 3) + " " +
         from + "h6M" + svg_number(x - 3) + " " + to + "h6\"/>\n";
}

}  // namespace

std::string bar_chart(const BarChart& chart) {
  const std::optional<ChartFrame> drawn = frame_of(chart);
  if (!drawn) return "<p class=\"note\">Nothing was measured.</p>\n";
  const ChartFrame& frame = *drawn;
  const double group_width = frame.x(1) - frame.x(0), count = static_cast<double>(chart.bars.size());
  const double bar_width = std::min(34.0, 0.78 * group_width / count);

  std::string svg = svg_opening(chart.title, frame.width, frame.height) + chart_grid(frame);
  for (std::size_t group = 0; group < chart.groups.size(); ++group) {
    const double centre = frame.x(static_cast<double>(group) + 0.5), left = centre - bar_width * count / 2;
    for (std::size_t i = 0; i < chart.bars.size(); ++i) {
      const Curve& bars = chart.bars[i];
      const double value = bars.y[group], error = error_of(bars, group);
      if (!std::isfinite(value)) continue;
      const double x = left + bar_width * static_cast<double>(i), middle = x + bar_width / 2;
      const std::string hover = bars.label + ", " + chart.groups[group] + ": " + format_number(value, chart.decimals) +
                                (error > 0 ? " ± " + format_number(error, chart.decimals) : "");
      if (chart.marks) {
        svg += "<g class=\"" + colour_class(bars.colour) + "\">" +
               (error > 0 ? whisker(frame, middle, value, error) : "") +
               chart_mark(middle, frame.y(value), bars.colour, hover) + "</g>\n";
        continue;
      }
      const double top = frame.y(std::max(value, 0.0)), height = std::abs(frame.y(value) - frame.y(0));
      svg += "<rect class=\"" + colour_class(bars.colour) + "\" x=\"" + svg_number(x + 1) + "\" y=\"" +
             svg_number(top) + "\" width=\"" + svg_number(std::max(1.0, bar_width - 2)) + "\" height=\"" +
             svg_number(height) + "\"><title>" + escaped(hover) + "</title></rect>\n";
      if (error > 0) svg += whisker(frame, middle, value, error);
    }
    const auto letters = static_cast<std::size_t>(std::max(4.0, group_width / 8.0));
    svg += svg_text(centre, frame.height - kChartBottom + 17, "middle", shortened(chart.groups[group], letters));
  }
  return svg + chart_axis(frame, chart.marks ? frame.height - kChartBottom : frame.y(0)) + "</svg>\n";
}

}  // namespace dgsam
