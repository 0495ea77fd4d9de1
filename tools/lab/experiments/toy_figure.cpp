#include "tools/lab/experiments/toy_figure.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "engine/core/check.h"
#include "engine/core/letter_case.h"
#include "tools/lab/drawing/contours.h"
#include "tools/lab/drawing/svg.h"

namespace dgsam {
namespace {

// What a panel shows, and where things lie in the view box.
constexpr double kViewU = 2.2, kViewV = 1.7;
constexpr double kPanelWidth = 316, kPanelHeight = kPanelWidth * kViewV / kViewU;
constexpr double kMargin = 12, kGap = 14, kHead = 84, kRowLabel = 40, kFoot = 92;
constexpr double kWidth = 2 * kMargin + 3 * kPanelWidth + 2 * kGap;
constexpr double kRowHeight = kRowLabel + kPanelHeight + kGap;

/// Closer near 0: the wells of the total are 1/8 deep, and the domains rise and fall by 3 around the fake minimum.
constexpr std::array kLevels = {-1.5, -0.5, 0.02, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 3.0};
constexpr int kGridColumns = 89, kGridRows = 69;
constexpr std::array kSurfaces = {0, 1, -1};
constexpr int kPathsPerAxis = 4;

const std::string kColourStyle = R"css(text { fill: var(--ink); }
.small { fill: var(--soft); }
.paper, .start { fill: var(--paper); }
.band { fill: var(--shade); stroke: var(--shade); }
.frame { fill: none; stroke: var(--soft); stroke-opacity: .4; }
.minimum { fill: none; stroke: var(--ink); stroke-width: 1.8; }
.label, .halo { stroke: var(--paper); stroke-linejoin: round; }
)css";

constexpr std::string_view kStyle = R"css(.small { font-size: 13px; }
.bold { font-weight: 600; }
.title { font-size: 19px; font-weight: 600; }
.band { fill-opacity: .09; stroke-opacity: .3; stroke-width: .6; fill-rule: evenodd; }
.label { font-weight: 600; stroke-width: 4; paint-order: stroke; }
.halo { fill: none; stroke-width: 2.8; stroke-opacity: .6; }
.path { fill: none; stroke: currentColor; stroke-width: 1.1; stroke-opacity: .85; stroke-linejoin: round; }
.start { stroke: currentColor; stroke-width: 1.2; }
.ends { fill: none; stroke: currentColor; stroke-width: 4; stroke-linecap: round; }
text.coloured { fill: currentColor; }
@media (max-width: 640px) {
  text, .small { font-size: 25px; }
  .title { font-size: 27px; }
  .wide { display: none; }
}
)css";

std::string style() {
  return "text { font-family: " + std::string(kFontFamily) + "; font-size: 15px; }\n" +
         themed_style(kColourStyle + colour_class_rules()) + std::string(kStyle);
}

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * fraction);
  return text;
}

// Of a point of θ, in its panel.
double x_of(double u) { return (u + kViewU) / (2 * kViewU) * kPanelWidth; }
double y_of(double v) { return (kViewV - v) / (2 * kViewV) * kPanelHeight; }
std::string place(ToyPoint point) { return svg_number(x_of(point.u)) + " " + svg_number(y_of(point.v)); }

std::string circle(ToyPoint point, double radius, const char* classes) {
  return "<circle cx=\"" + svg_number(x_of(point.u)) + "\" cy=\"" + svg_number(y_of(point.v)) + "\" r=\"" +
         svg_number(radius) + "\" class=\"" + classes + "\"/>\n";
}

/// The points as part of a path's data: a pair after "M" begins a line, and pairs after that continue it.
std::string line_data(const std::vector<ToyPoint>& points) {
  std::string data = "M";
  for (const ToyPoint point : points) data += (data.size() == 1 ? "" : " ") + place(point);
  return data;
}

/// One surface: a translucent region per level, so that shades add up where the loss is high.
std::string surface(int domain) {
  const auto u_of = [](double column) { return kViewU * (2 * column / (kGridColumns - 1) - 1); };
  const auto v_of = [](double row) { return kViewV * (2 * row / (kGridRows - 1) - 1); };
  Heights heights(kGridRows);
  for (int row = 0; row < kGridRows; ++row) {
    for (int column = 0; column < kGridColumns; ++column) {
      const ToyPoint point{u_of(column), v_of(row)};
      heights[static_cast<std::size_t>(row)].push_back(
          (domain < 0 ? toy_total(point) : toy_domain(domain, point)).loss);
    }
  }
  std::string svg = "<g id=\"surface" + std::to_string(domain + 1) + "\">\n<rect class=\"paper\" width=\"" +
                    svg_number(kPanelWidth) + "\" height=\"" + svg_number(kPanelHeight) + "\"/>\n";
  for (const double level : kLevels) {
    std::string path;
    for (const Contour& loop : regions_above(heights, level)) {
      std::vector<ToyPoint> points;
      for (const ContourPoint point : loop) points.push_back({u_of(point.x), v_of(point.y)});
      path += line_data(points) + "Z";
    }
    if (!path.empty()) svg += "<path class=\"band\" d=\"" + path + "\"/>\n";
  }
  return svg + "</g>\n";
}

std::string minima() {
  std::string svg = "<g id=\"minima\">\n";
  for (const bool fake : {true, false}) {
    const ToyPoint minimum = fake ? kFakeMinimum : kFlatMinimum;
    svg += circle(minimum, 7, "minimum");
    svg += svg_text(x_of(minimum.u), y_of(minimum.v) + 27, "middle", fake ? "fake" : "flat", "label");
  }
  return svg + "</g>\n";
}

std::string use(const std::string& id, const std::string& classes = "") {
  return "<use href=\"#" + id + "\"" + (classes.empty() ? "" : " class=\"" + classes + "\"") + "/>\n";
}

/// The runs of one cell: every end, and the paths of a few starts spread over the grid.
std::string paths(const ToyCell& cell, int starts, const std::string& id) {
  const auto is_drawn = [&](int index) {
    const int drawn = std::min(starts, kPathsPerAxis);
    for (int i = 0; i < drawn; ++i) {
      if ((2 * i + 1) * starts / (2 * drawn) == index) return true;
    }
    return false;
  };
  std::string lines, marks, ends;
  for (int i = 0; i < static_cast<int>(cell.runs.size()); ++i) {
    const ToyRun& run = cell.runs[static_cast<std::size_t>(i)];
    ends += "M" + place(run.path.back()) + "h0";
    if (!is_drawn(i % starts) || !is_drawn(i / starts)) continue;
    lines += line_data(run.path);
    marks += circle(run.path.front(), 3, "start");
  }
  return "<path id=\"" + id + "-lines\" d=\"" + lines + "\"/>\n<g id=\"" + id + "\">\n" + use(id + "-lines", "halo") +
         use(id + "-lines", "path") + marks + "<path class=\"ends\" d=\"" + ends + "\"/>\n</g>\n";
}

/// The bands with their limits, and what the marks mean.
std::string key(double y) {
  const double width = (kWidth - 2 * kMargin) / (kLevels.size() + 1);
  std::string svg =
      svg_text(kMargin, y, "start", "loss, the same shades in all panels; steps are finer near 0", "small");
  svg += svg_text(kWidth - kMargin, y, "end", "circles: starts of the paths shown; dots: where all runs end",
                  "small wide");
  for (std::size_t band = 0; band <= kLevels.size(); ++band) {
    const double x = kMargin + width * static_cast<double>(band);
    const std::string box = "x=\"" + svg_number(x) + "\" y=\"" + svg_number(y + 12) + "\" width=\"" +
                            svg_number(width) + "\" height=\"16\"/>\n";
    for (std::size_t level = 0; level < band; ++level) svg += "<rect class=\"band\" " + box;
    svg += "<rect class=\"frame\" " + box;
    if (band > 0) svg += svg_text(x, y + 46, "middle", tick_text(kLevels[band - 1]), "small wide");
  }
  return svg;
}

}  // namespace

std::string toy_figure(const ToyResult& result, double rho) {
  const std::vector<std::string>& algorithms = result.options.algorithms;
  const double height = kHead + kRowHeight * static_cast<double>(algorithms.size()) + kFoot;
  std::string svg = svg_file_opening("Paths of training methods over the losses of two domains and their mean", kWidth,
                                     height, style()) +
                    "<defs>\n<clipPath id=\"panel\"><rect width=\"" + svg_number(kPanelWidth) + "\" height=\"" +
                    svg_number(kPanelHeight) + "\"/></clipPath>\n";
  for (const int domain : kSurfaces) svg += surface(domain);
  svg += minima();
  for (std::size_t i = 0; i < algorithms.size(); ++i) {
    const ToyCell* const cell = result.find(algorithms[i], rho);
    require(cell != nullptr, "--draw-rho ", rho, " is none of --rho");
    svg += paths(*cell, result.options.starts, "paths" + std::to_string(i));
  }
  svg += "</defs>\n";
  svg += svg_text(kMargin, 32, "start", "Two minima that the mean of the domains cannot tell apart", "title");
  for (std::size_t column = 0; column < kSurfaces.size(); ++column) {
    const double x = kMargin + (kPanelWidth + kGap) * static_cast<double>(column);
    const int domain = kSurfaces[column];
    svg += svg_text(x + kPanelWidth / 2, 74, "middle",
                    domain < 0 ? "mean of both" : "domain " + std::to_string(domain + 1));
  }
  for (std::size_t row = 0; row < algorithms.size(); ++row) {
    const ToyCell& cell = *result.find(algorithms[row], rho);
    const double top = kHead + kRowHeight * static_cast<double>(row);
    const std::string colour = colour_class(static_cast<int>(row));
    const std::string name = upper_case(cell.algorithm) + (cell.rho ? ", ρ " + tick_text(rho) : "");
    svg +=
        svg_text(kMargin, top + 28, "start",
                 name + ": " + percent(cell.fraction(ToyEnd::fake)) + " fake, " + percent(cell.fraction(ToyEnd::flat)) +
                     " flat, " + percent(cell.fraction(ToyEnd::elsewhere)) + " elsewhere",
                 "bold coloured " + colour);
    for (std::size_t column = 0; column < kSurfaces.size(); ++column) {
      const double x = kMargin + (kPanelWidth + kGap) * static_cast<double>(column), y = top + kRowLabel;
      svg += "<g transform=\"translate(" + svg_number(x) + " " + svg_number(y) + ")\"><g clip-path=\"url(#panel)\">\n";
      svg += use("surface" + std::to_string(kSurfaces[column] + 1));
      svg += use("paths" + std::to_string(row), colour) + use("minima");
      svg += "</g><rect class=\"frame\" width=\"" + svg_number(kPanelWidth) + "\" height=\"" +
             svg_number(kPanelHeight) + "\"/></g>\n";
    }
  }
  return svg + key(height - kFoot + 26) + "</svg>\n";
}

}  // namespace dgsam
