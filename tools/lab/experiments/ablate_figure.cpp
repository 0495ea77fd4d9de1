#include "tools/lab/experiments/ablate_figure.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/lab/drawing/svg.h"

namespace dgsam {

namespace {

constexpr double kLabels = 250, kPanel = 300, kGap = 40, kTop = 46, kRow = 22, kBottom = 34, kRight = 20;

constexpr const char* kStyle =
    "<style>svg{background:#fff;font:13px system-ui,sans-serif}text{fill:#222}.grid{stroke:#ddd}.zero{stroke:#666}"
    ".interval{stroke:#2a6fb0;stroke-width:2}.dot{fill:#2a6fb0}@media "
    "(prefers-color-scheme:dark){svg{background:#161616}"
    "text{fill:#ddd}.grid{stroke:#333}.zero{stroke:#999}.interval{stroke:#7ab8f0}.dot{fill:#7ab8f0}}</style>\n";

std::string at(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
  return "<text x=\"" + at(x) + "\" y=\"" + at(y) + "\" text-anchor=\"" + anchor + "\">" + escaped(text) + "</text>\n";
}

std::string line(const char* kind, double x1, double x2, double y1, double y2) {
  return std::string("<line class=\"") + kind + "\" x1=\"" + at(x1) + "\" x2=\"" + at(x2) + "\" y1=\"" + at(y1) +
         "\" y2=\"" + at(y2) + "\"/>\n";
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
  std::string svg = text_at(left + kPanel / 2, kTop - 20, "middle", title);
  for (const double tick : round_ticks(low, high, 5)) {
    svg += line("grid", x(tick), x(tick), kTop, bottom);
    char text[32];
    std::snprintf(text, sizeof text, "%g", std::abs(tick) < 1e-12 ? 0.0 : tick);
    svg += text_at(x(tick), bottom + 18, "middle", text);
  }
  svg += line("zero", x(0), x(0), kTop, bottom);
  for (std::size_t row = 1; row < table.rows.size(); ++row) {
    const Figure& figure = table.rows[row].figures[column];
    const double y = kTop + kRow * (static_cast<double>(row) - 0.5);
    if (std::isnan(figure.value)) {
      svg += text_at(x(0) + 6, y + 4, "start", "no pair yet");
      continue;
    }
    if (!std::isnan(figure.low)) svg += line("interval", x(figure.low), x(figure.high), y, y);
    svg += "<circle class=\"dot\" r=\"4\" cx=\"" + at(x(figure.value)) + "\" cy=\"" + at(y) + "\"/>\n";
  }
  return svg;
}

}  // namespace

std::string ablation_figure(const ResultTable& table) {
  const double width = kLabels + 2 * kPanel + kGap + kRight;
  const double height = kTop + kRow * static_cast<double>(table.rows.size() - 1) + kBottom;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + at(width) + " " + at(height) +
                    "\" role=\"img\" aria-label=\"" + escaped(table.title) + "\">\n" + kStyle;
  for (std::size_t row = 1; row < table.rows.size(); ++row) {
    svg += text_at(kLabels - 14, kTop + kRow * (static_cast<double>(row) - 0.5) + 4, "end", table.rows[row].label);
  }
  const std::size_t accuracy = table.columns.size() - 2, sharpness = table.columns.size() - 1;
  svg += panel(table, accuracy, "Accuracy minus the default's, points", kLabels);
  svg += panel(table, sharpness, "Individual sharpness minus the default's", kLabels + kPanel + kGap);
  return svg + "</svg>\n";
}

}  // namespace dgsam
