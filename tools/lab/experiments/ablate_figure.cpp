#include "tools/lab/experiments/ablate_figure.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "tools/lab/drawing/svg.h"

namespace dgsam {

namespace {

constexpr double kLabels = 250, kPanel = 300, kGap = 40, kTop = 46, kRow = 22, kBottom = 34, kRight = 20;

constexpr std::string_view kStyle = R"css(text { fill: var(--ink); }
.paper { fill: var(--paper); }
.grid { stroke: var(--rule); }
.zero { stroke: var(--soft); }
.interval { stroke: var(--c0); stroke-width: 2; }
.dot { fill: var(--c0); }
)css";

std::string line(const char* kind, double x1, double x2, double y1, double y2) {
  return std::string("<line class=\"") + kind + "\" x1=\"" + svg_number(x1) + "\" x2=\"" + svg_number(x2) + "\" y1=\"" +
         svg_number(y1) + "\" y2=\"" + svg_number(y2) + "\"/>\n";
}

/// One column of the table, every row but the first, around zero.
std::string panel(const ResultTable& table, std::size_t column, const std::string& title, double left) {
  double low = 0, high = 0;
  for (const FigureRow& row : table.rows) {
    const Figure& figure = row.figures[column];
    for (const double value : {figure.value, figure.low, figure.high}) {
      if (std::isnan(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  const double room = high > low ? 0.05 * (high - low) : 1;
  low -= room;
  high += room;
  const auto x = [&](double value) { return left + (value - low) / (high - low) * kPanel; };
  const double bottom = kTop + kRow * static_cast<double>(table.rows.size() - 1);
  std::string svg = svg_text(left + kPanel / 2, kTop - 20, "middle", title);
  for (const double tick : round_ticks(low, high, 5)) {
    svg += line("grid", x(tick), x(tick), kTop, bottom);
    svg += svg_text(x(tick), bottom + 18, "middle", tick_text(tick));
  }
  svg += line("zero", x(0), x(0), kTop, bottom);
  for (std::size_t row = 1; row < table.rows.size(); ++row) {
    const Figure& figure = table.rows[row].figures[column];
    const double y = kTop + kRow * (static_cast<double>(row) - 0.5);
    if (std::isnan(figure.value)) {
      svg += svg_text(x(0) + 6, y + 4, "start", "no pair yet");
      continue;
    }
    if (!std::isnan(figure.low)) svg += line("interval", x(figure.low), x(figure.high), y, y);
    svg += "<circle class=\"dot\" r=\"4\" cx=\"" + svg_number(x(figure.value)) + "\" cy=\"" + svg_number(y) + "\"/>\n";
  }
  return svg;
}

}  // namespace

std::string ablation_figure(const ResultTable& table) {
  const double width = kLabels + 2 * kPanel + kGap + kRight;
  const double height = kTop + kRow * static_cast<double>(table.rows.size() - 1) + kBottom;
  const std::string style =
      "text { font-family: " + std::string(kFontFamily) + "; font-size: 13px; }\n" + themed_style(kStyle);
  std::string svg = svg_file_opening(escaped(table.title), width, height, style);
  for (std::size_t row = 1; row < table.rows.size(); ++row) {
    svg += svg_text(kLabels - 14, kTop + kRow * (static_cast<double>(row) - 0.5) + 4, "end", table.rows[row].label);
  }
  const std::size_t accuracy = table.columns.size() - 2, sharpness = table.columns.size() - 1;
  svg += panel(table, accuracy, "Accuracy minus the default's, points", kLabels);
  svg += panel(table, sharpness, "Individual sharpness minus the default's", kLabels + kPanel + kGap);
  return svg + "</svg>\n";
}

}  // namespace dgsam
