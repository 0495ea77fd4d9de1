#include "tools/lab/drawing/svg.h"

#include <cmath>
#include <cstdio>

namespace dgsam {

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

std::string tick_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", std::abs(value) < 1e-12 ? 0.0 : std::abs(value));
  return value < -1e-12 ? std::string("−") + text : text;
}

std::string svg_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value + 0.0);  // no "-0.0" of a negative zero
  return text;
}

std::string shortened(const std::string& text, std::size_t length) {
  std::size_t characters = 0, cut = text.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) == 0x80) continue;
    if (++characters == length) cut = i;
  }
  return characters > length ? text.substr(0, cut) + "…" : text;
}

double ChartFrame::x(double value) const {
  return kChartLeft + (value - x_low) / (x_high - x_low) * (width - kChartLeft - right);
}

double ChartFrame::y(double value) const {
  return height - kChartBottom - (value - y_low) / (y_high - y_low) * (height - kChartTop - kChartBottom);
}

std::string svg_text(double x, double y, const std::string& anchor, const std::string& text,
                     const std::string& classes) {
  return "<text x=\"" + svg_number(x) + "\" y=\"" + svg_number(y) + "\" text-anchor=\"" + anchor + "\"" +
         (classes.empty() ? "" : " class=\"" + classes + "\"") + ">" + escaped(text) + "</text>\n";
}

std::string svg_opening(const std::string& title, double width, double height) {
  return "<svg viewBox=\"0 0 " + svg_number(width) + " " + svg_number(height) + "\" role=\"img\" aria-label=\"" +
         escaped(title) + "\">\n";
}

std::string svg_file_opening(const std::string& title, double width, double height, std::string_view style,
                             bool sized) {
  const std::string size = "width=\"" + svg_number(width) + "\" height=\"" + svg_number(height) + "\"";
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + svg_number(width) + " " + svg_number(height) +
         "\" " + (sized ? size + " " : "") + "role=\"img\" aria-label=\"" + title + "\">\n<style>\n" +
         std::string(style) + "</style>\n<rect class=\"paper\" " + size + "/>\n";
}

std::string chart_grid(const ChartFrame& frame) {
  std::string svg;
  for (const double tick : round_ticks(frame.y_low, frame.y_high, 5)) {
    const std::string y = svg_number(frame.y(tick));
    svg += "<line class=\"grid\" x1=\"" + svg_number(kChartLeft) + "\" x2=\"" + svg_number(frame.width - frame.right) +
           "\" y1=\"" + y + "\" y2=\"" + y + "\"/>\n";
    svg += svg_text(kChartLeft - 6, frame.y(tick) + 4, "end", tick_text(tick));
  }
  return svg;
}

std::string chart_axis(const ChartFrame& frame, double y) {
  return "<line class=\"axis\" x1=\"" + svg_number(kChartLeft) + "\" x2=\"" + svg_number(frame.width - frame.right) +
         "\" y1=\"" + svg_number(y) + "\" y2=\"" + svg_number(y) + "\"/>\n";
}

std::string chart_mark(double x, double y, int colour, const std::string& hover) {
  const std::string place = svg_number(x) + " " + svg_number(y), title = "<title>" + escaped(hover) + "</title>";
  switch (colour % 3) {
    case 0:
      return "<circle cx=\"" + svg_number(x) + "\" cy=\"" + svg_number(y) + "\" r=\"3.2\">" + title + "</circle>\n";
    case 1:
      return "<path d=\"M" + place + "m-2.9 -2.9h5.8v5.8h-5.8z\">" + title + "</path>\n";
    default:
      return "<path d=\"M" + place + "m0 -4.1l4.1 4.1l-4.1 4.1l-4.1 -4.1z\">" + title + "</path>\n";
  }
}

}  // namespace dgsam
