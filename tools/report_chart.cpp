#include "tools/report_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/report_tables.h"

namespace dgsam {
namespace {

constexpr double kLeft = 44, kTop = 12, kBottom = 34;  // margins, in the units of the view box
constexpr std::size_t kLabelLength = 14;

/// A coordinate with one decimal.
std::string at(double value) { return format_number(value, 1); }

/// At most `length` characters (not bytes), the last one an ellipsis when something was cut.
std::string shortened(const std::string& text, std::size_t length) {
  std::size_t characters = 0, cut = text.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) == 0x80) continue;
    if (++characters == length) cut = i;
  }
  return characters > length ? text.substr(0, cut) + "…" : text;
}

/// Where data lie in the view box.
struct Frame {
  double width, height, right;
  double x_low, x_high, y_low, y_high;

  double x(double value) const { return kLeft + (value - x_low) / (x_high - x_low) * (width - kLeft - right); }
  double y(double value) const {
    return height - kBottom - (value - y_low) / (y_high - y_low) * (height - kTop - kBottom);
  }
};

std::string tick_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", std::abs(value) < 1e-12 ? 0.0 : value);
  return text;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text,
                    const std::string& classes = "") {
  return "<text x=\"" + at(x) + "\" y=\"" + at(y) + "\" text-anchor=\"" + anchor + "\"" +
         (classes.empty() ? "" : " class=\"" + classes + "\"") + ">" + escaped(text) + "</text>\n";
}

std::string opening(const std::string& title, double width, double height) {
  return "<svg viewBox=\"0 0 " + at(width) + " " + at(height) + "\" role=\"img\" aria-label=\"" + escaped(title) +
         "\">\n";
}

/// Horizontal lines at round values, each with its value.
std::string grid(const Frame& frame) {
  std::string svg;
  for (const double tick : round_ticks(frame.y_low, frame.y_high, 5)) {
    svg += "<line class=\"grid\" x1=\"" + at(kLeft) + "\" x2=\"" + at(frame.width - frame.right) + "\" y1=\"" +
           at(frame.y(tick)) + "\" y2=\"" + at(frame.y(tick)) + "\"/>\n";
    svg += text_at(kLeft - 6, frame.y(tick) + 4, "end", tick_text(tick));
  }
  return svg;
}

std::string colour_class(int colour) { return "c" + std::to_string(colour % kColours); }

/// A mark whose shape tells curves apart without colour: circle, square, diamond.
std::string mark(const Frame& frame, const Curve& curve, std::size_t i, int decimals) {
  const double x = frame.x(curve.x[i]), y = frame.y(curve.y[i]);
  const std::string place = at(x) + " " + at(y);
  std::string shape;
  if (curve.colour % 3 == 0) {
    shape = "<circle cx=\"" + at(x) + "\" cy=\"" + at(y) + "\" r=\"3.2\">";
  } else if (curve.colour % 3 == 1) {
    shape = "<path d=\"M" + place + "m-2.9 -2.9h5.8v5.8h-5.8z\">";
  } else {
    shape = "<path d=\"M" + place + "m0 -4.1l4.1 4.1l-4.1 4.1l-4.1 -4.1z\">";
  }
  const std::string hover = curve.label + ", step " + format_number(curve.x[i], 0) + ": ";
  return shape + "<title>" + escaped(hover + format_number(curve.y[i], decimals)) + "</title>" +
         (curve.colour % 3 == 0 ? "</circle>\n" : "</path>\n");
}

/// The curves' labels at their right ends, pushed apart where they would overlap.
std::string end_labels(const Frame& frame, const std::vector<Curve>& curves) {
  constexpr double kGap = 15;
  struct Label {
    const Curve* curve;
    double y;
  };
  std::vector<Label> labels;
  for (const Curve& curve : curves) labels.push_back({&curve, frame.y(curve.y.back())});
  std::stable_sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) { return a.y < b.y; });
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i].y = std::max(labels[i].y, i == 0 ? kTop : labels[i - 1].y + kGap);
  }
  double limit = frame.height - kBottom - 6;  // clear of the word under the axis
  for (std::size_t i = labels.size(); i-- > 0; limit -= kGap) labels[i].y = std::min(labels[i].y, limit);
  std::string svg;
  for (const Label& label : labels) {
    svg += text_at(frame.width - frame.right + 8, label.y + 4, "start", shortened(label.curve->label, kLabelLength),
                   "label " + colour_class(label.curve->colour));
  }
  return svg;
}

/// The finite points of the curves that have any.
std::vector<Curve> drawable(const std::vector<Curve>& curves) {
  std::vector<Curve> result;
  for (const Curve& curve : curves) {
    Curve kept{curve.label, curve.colour, {}, {}};
    for (std::size_t i = 0; i < curve.y.size(); ++i) {
      if (!std::isfinite(curve.y[i])) continue;
      kept.x.push_back(curve.x[i]);
      kept.y.push_back(curve.y[i]);
    }
    if (!kept.y.empty()) result.push_back(std::move(kept));
  }
  return result;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

std::vector<double> round_ticks(double low, double high, int count) {
  const double raw = (high - low) / count, power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= raw * (1 - 1e-9)) step = factor * power;
  }
  std::vector<double> ticks;
  const auto last = static_cast<long>(std::floor(high / step + 1e-9));
  for (auto i = static_cast<long>(std::ceil(low / step - 1e-9)); i <= last; ++i) {
    ticks.push_back(static_cast<double>(i) * step);
  }
  return ticks;
}

Curve smoothed(const Curve& curve, int points) {
  Curve result{curve.label, curve.colour, {}, {}};
  const auto limit = static_cast<std::size_t>(points);
  const std::size_t window = std::max<std::size_t>(1, (curve.y.size() + limit - 1) / limit);
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

std::string line_chart(const LineChart& chart) {
  const std::vector<Curve> curves = drawable(chart.curves);
  if (curves.empty()) return "<p class=\"note\">Nothing was measured.</p>\n";
  std::size_t longest = 0;
  double y_low = curves[0].y[0], y_high = y_low, x_high = 0;
  for (const Curve& curve : curves) {
    longest = std::max(longest, std::min(curve.label.size(), kLabelLength));
    x_high = std::max(x_high, curve.x.back());
    y_low = std::min(y_low, *std::min_element(curve.y.begin(), curve.y.end()));
    y_high = std::max(y_high, *std::max_element(curve.y.begin(), curve.y.end()));
  }
  const double margin = std::max(0.06 * (y_high - y_low), 1e-3 * (1 + std::abs(y_high)));
  const Frame frame{
      370, 260, 20 + 7.6 * static_cast<double>(longest), 0, std::max(1.0, x_high), y_low - margin, y_high + margin};

  std::string svg = opening(chart.title, frame.width, frame.height) + grid(frame);
  const double bottom = frame.height - kBottom;
  svg += "<line class=\"axis\" x1=\"" + at(kLeft) + "\" x2=\"" + at(frame.width - frame.right) + "\" y1=\"" +
         at(bottom) + "\" y2=\"" + at(bottom) + "\"/>\n";
  for (const double tick : round_ticks(0, frame.x_high, 4)) {
    svg += text_at(frame.x(tick), bottom + 17, "middle", tick_text(tick));
  }
  svg += text_at(frame.width - frame.right + 18, bottom + 17, "start", "step");
  for (const Curve& curve : curves) {
    svg += "<g class=\"" + colour_class(curve.colour) + "\"><path class=\"line\" d=\"";
    for (std::size_t i = 0; i < curve.y.size(); ++i) {
      svg += (i == 0 ? "M" : " L") + at(frame.x(curve.x[i])) + " " + at(frame.y(curve.y[i]));
    }
    svg += "\"><title>" +
           escaped(curve.label + ": from " + format_number(curve.y.front(), chart.decimals) + " to " +
                   format_number(curve.y.back(), chart.decimals)) +
           "</title></path>\n";
    for (std::size_t i = 0; chart.points && i < curve.y.size(); ++i) svg += mark(frame, curve, i, chart.decimals);
    svg += "</g>\n";
  }
  return svg + end_labels(frame, curves) + "</svg>\n";
}

std::string bar_chart(const BarChart& chart) {
  double low = 0, high = 0;
  for (const Curve& bars : chart.bars) {
    for (const double value : bars.y) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low == high) return "<p class=\"note\">Nothing was measured.</p>\n";
  const std::vector<double> ticks = round_ticks(low, high, 5);
  const double step = ticks[1] - ticks[0];
  const Frame frame{450,
                    300,
                    8,
                    0,
                    static_cast<double>(chart.groups.size()),
                    std::floor(low / step) * step,
                    std::ceil(high / step) * step};
  const double group_width = frame.x(1) - frame.x(0);
  const double bar_width = std::min(34.0, 0.78 * group_width / static_cast<double>(chart.bars.size()));

  std::string svg = opening(chart.title, frame.width, frame.height) + grid(frame);
  for (std::size_t group = 0; group < chart.groups.size(); ++group) {
    const double centre = frame.x(static_cast<double>(group) + 0.5);
    const double left = centre - bar_width * static_cast<double>(chart.bars.size()) / 2;
    for (std::size_t i = 0; i < chart.bars.size(); ++i) {
      const Curve& bars = chart.bars[i];
      const double value = bars.y[group];
      if (!std::isfinite(value)) continue;
      const double top = frame.y(std::max(value, 0.0)), height = std::abs(frame.y(value) - frame.y(0));
      svg += "<rect class=\"" + colour_class(bars.colour) + "\" x=\"" +
             at(left + bar_width * static_cast<double>(i) + 1) + "\" y=\"" + at(top) + "\" width=\"" +
             at(bar_width - 2) + "\" height=\"" + at(height) + "\"><title>" +
             escaped(bars.label + ", " + chart.groups[group] + ": " + format_number(value, 3)) + "</title></rect>\n";
    }
    const auto letters = static_cast<std::size_t>(std::max(4.0, group_width / 8.0));
    svg += text_at(centre, frame.height - kBottom + 17, "middle", shortened(chart.groups[group], letters));
  }
  svg += "<line class=\"axis\" x1=\"" + at(kLeft) + "\" x2=\"" + at(frame.width - frame.right) + "\" y1=\"" +
         at(frame.y(0)) + "\" y2=\"" + at(frame.y(0)) + "\"/>\n";
  return svg + "</svg>\n";
}

}  // namespace dgsam
