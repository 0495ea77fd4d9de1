#include "tools/lab/report/report_chart.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "tools/lab/drawing/svg.h"
#include "tools/results/tables.h"

namespace dgsam {
namespace {

constexpr std::size_t kLabelLength = 14;
constexpr const char* kNothing = "<p class=\"note\">Nothing was measured.</p>\n";

bool has_label(const Curve& curve) { return !curve.thin && !curve.dashed; }

/// The curves' labels at their right ends, pushed apart where they would overlap.
std::string end_labels(const ChartFrame& frame, const std::vector<Curve>& curves) {
  constexpr double kGap = 15;
  struct Label {
    const Curve* curve;
    double y;
  };
  std::vector<Label> labels;
  for (const Curve& curve : curves) {
    if (has_label(curve)) labels.push_back({&curve, frame.y(curve.y.back())});
  }
  std::stable_sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) { return a.y < b.y; });
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i].y = std::max(labels[i].y, i == 0 ? kChartTop : labels[i - 1].y + kGap);
  }
  double limit = frame.height - kChartBottom - 6;  // clear of the word under the axis
  for (std::size_t i = labels.size(); i-- > 0; limit -= kGap) labels[i].y = std::min(labels[i].y, limit);
  std::string svg;
  for (const Label& label : labels) {
    svg += svg_text(frame.width - frame.right + 8, label.y + 4, "start", shortened(label.curve->label, kLabelLength),
                    "label " + colour_class(label.curve->colour));
  }
  return svg;
}

/// The finite points of the curves that have any; thin curves first, so that they lie behind.
std::vector<Curve> drawable(const std::vector<Curve>& curves) {
  std::vector<Curve> result;
  for (const Curve& curve : curves) {
    Curve kept = curve;
    kept.x.clear();
    kept.y.clear();
    for (std::size_t i = 0; i < curve.y.size(); ++i) {
      if (!std::isfinite(curve.y[i])) continue;
      kept.x.push_back(curve.x[i]);
      kept.y.push_back(curve.y[i]);
    }
    if (!kept.y.empty()) result.push_back(std::move(kept));
  }
  std::stable_partition(result.begin(), result.end(), [](const Curve& curve) { return curve.thin; });
  return result;
}

std::string path_of(const ChartFrame& frame, const Curve& curve, int decimals) {
  std::string classes = curve.thin ? "line thin" : "line";
  if (curve.dashed) classes += " dashed";
  std::string svg = "<path class=\"" + classes + "\" d=\"";
  for (std::size_t i = 0; i < curve.y.size(); ++i) {
    svg += (i == 0 ? "M" : " L") + svg_number(frame.x(curve.x[i])) + " " + svg_number(frame.y(curve.y[i]));
  }
  return svg + "\"><title>" +
         escaped(curve.label + ": from " + format_number(curve.y.front(), decimals) + " to " +
                 format_number(curve.y.back(), decimals)) +
         "</title></path>\n";
}

ChartFrame frame_of(const LineChart& chart, const std::vector<Curve>& curves) {
  std::size_t longest = 0;
  double y_low = chart.y_from_zero ? 0 : curves[0].y[0], y_high = curves[0].y[0], x_low = 0, x_high = 0;
  for (const Curve& curve : curves) {
    if (has_label(curve)) longest = std::max(longest, std::min(curve.label.size(), kLabelLength));
    x_low = std::min(x_low, curve.x.front());
    x_high = std::max(x_high, curve.x.back());
    y_low = std::min(y_low, *std::min_element(curve.y.begin(), curve.y.end()));
    y_high = std::max(y_high, *std::max_element(curve.y.begin(), curve.y.end()));
  }
  for (const double value : chart.y_includes) {
    y_low = std::min(y_low, value);
    y_high = std::max(y_high, value);
  }
  if (x_high <= x_low) x_high = x_low + 1;
  const double margin = std::max(0.06 * (y_high - y_low), 1e-3 * (1e-3 + std::abs(y_high)));
  const bool floor = chart.y_from_zero && y_low == 0;
  return {
      370, 260, 20 + 7.6 * static_cast<double>(longest), x_low, x_high, floor ? 0 : y_low - margin, y_high + margin};
}

}  // namespace

Curve smoothed(const Curve& curve, std::size_t window) {
  Curve result = curve;
  result.x.clear();
  result.y.clear();
  for (std::size_t start = 0; start < curve.y.size(); start += window) {
    const std::size_t end = std::min(curve.y.size(), start + window);
    double x = 0, y = 0;
    for (std::size_t i = start; i < end; ++i) {
      x += curve.x[i];
      y += curve.y[i];
    }
    result.x.push_back(x / static_cast<double>(end - start));
    result.y.push_back(y / static_cast<double>(end - start));
  }
  return result;
}

Curve mean_curve(const std::vector<Curve>& curves) {
  std::map<double, std::vector<double>> values;  // by x
  for (const Curve& curve : curves) {
    for (std::size_t i = 0; i < curve.y.size(); ++i) {
      if (std::isfinite(curve.y[i])) values[curve.x[i]].push_back(curve.y[i]);
    }
  }
  Curve mean{curves.front().label, curves.front().colour, {}, {}};
  for (const auto& [x, y] : values) {
    if (y.size() != curves.size()) continue;
    mean.x.push_back(x);
    mean.y.push_back(mean_of(y));
  }
  return mean;
}

Curve thinned(const Curve& curve, std::size_t points) {
  const std::size_t size = curve.y.size();
  if (size <= points) return curve;
  Curve result = curve;
  result.x.clear();
  result.y.clear();
  for (std::size_t i = 0; i < points; ++i) {
    const std::size_t at = i * (size - 1) / (points - 1);
    result.x.push_back(curve.x[at]);
    result.y.push_back(curve.y[at]);
  }
  return result;
}

std::string line_chart(const LineChart& chart) {
  const std::vector<Curve> curves = drawable(chart.curves);
  if (curves.empty()) return kNothing;
  const ChartFrame frame = frame_of(chart, curves);
  std::string svg = svg_opening(chart.title, frame.width, frame.height) + chart_grid(frame);
  const double bottom = frame.height - kChartBottom;
  svg += chart_axis(frame, bottom);
  for (const double tick : round_ticks(frame.x_low, frame.x_high, 4)) {
    svg += svg_text(frame.x(tick), bottom + 17, "middle", tick_text(tick));
  }
  svg += svg_text(frame.width - frame.right + 18, bottom + 17, "start", shortened(chart.x_label, kLabelLength));
  for (const Curve& curve : curves) {
    svg += "<g class=\"" + colour_class(curve.colour) + "\">" + path_of(frame, curve, chart.decimals);
    for (std::size_t i = 0; chart.points && !curve.thin && i < curve.y.size(); ++i) {
      svg += chart_mark(frame.x(curve.x[i]), frame.y(curve.y[i]), curve.colour,
                        curve.label + ", " + chart.x_label + " " + tick_text(curve.x[i]) + ": " +
                            format_number(curve.y[i], chart.decimals));
    }
    svg += "</g>\n";
  }
  return svg + end_labels(frame, curves) + "</svg>\n";
}

}  // namespace dgsam
