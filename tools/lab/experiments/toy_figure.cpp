#include "tools/lab/experiments/toy_figure.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "engine/core/check.h"
#include "tools/lab/drawing/contour_loops.h"

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

constexpr std::string_view kStyle = R"css(
text { font: 15px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; fill: #1d2126; }
.small { font-size: 13px; fill: #5c636b; }
.bold { font-weight: 600; }
.title { font-size: 19px; font-weight: 600; }
.paper { fill: #fdfdfb; }
.band { fill: #35597c; fill-opacity: .09; stroke: #35597c; stroke-opacity: .3; stroke-width: .6; fill-rule: evenodd; }
.frame { fill: none; stroke: #b9bdb8; }
.minimum { fill: none; stroke: #1d2126; stroke-width: 1.8; }
.label, .halo { stroke: #fdfdfb; stroke-linejoin: round; }
.label { font-weight: 600; stroke-width: 4; paint-order: stroke; }
.halo { fill: none; stroke-width: 2.8; stroke-opacity: .6; }
.path { fill: none; stroke: currentColor; stroke-width: 1.1; stroke-opacity: .85; stroke-linejoin: round; }
.start { fill: #fdfdfb; stroke: currentColor; stroke-width: 1.2; }
.ends { fill: none; stroke: currentColor; stroke-width: 4; stroke-linecap: round; }
.c0 { color: #0067a5; } .c1 { color: #c24e00; } .c2 { color: #007f5f; } .c3 { color: #9b3f86; } .c4 { color: #7a6200; }
.coloured { fill: currentColor; }
@media (prefers-color-scheme: dark) {
  text, .bold { fill: #e4e6e8; }
  .small { fill: #a0a7ae; }
  .paper, .start { fill: #15171a; }
  .band { fill: #a9c8e6; stroke: #a9c8e6; fill-opacity: .07; }
  .frame { stroke: #454b52; }
  .minimum { stroke: #e4e6e8; }
  .label, .halo { stroke: #15171a; }
  .c0 { color: #5ab4ee; } .c1 { color: #ff9a4d; } .c2 { color: #35cfa0; } .c3 { color: #e5a0cc; } .c4 { color: #e8d24a; }
  .coloured { fill: currentColor; }
}
@media (max-width: 640px) {
  text, .small { font-size: 25px; }
  .title { font-size: 27px; }
  .wide { display: none; }
}
)css";

/// A coordinate or a length, with one decimal.
std::string at(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value + 0.0);
  return text;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * fraction);
  return text;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

// Of a point of θ, in its panel.
double x_of(double u) { return (u + kViewU) / (2 * kViewU) * kPanelWidth; }
double y_of(double v) { return (kViewV - v) / (2 * kViewV) * kPanelHeight; }
std::string place(ToyPoint point) { return at(x_of(point.u)) + " " + at(y_of(point.v)); }

std::string text(double x, double y, const std::string& classes, const std::string& content,
                 const std::string& anchor = "start") {
  return "<text x=\"" + at(x) + "\" y=\"" + at(y) + "\" text-anchor=\"" + anchor + "\" class=\"" + classes + "\">" +
         content + "</text>\n";
}

std::string circle(ToyPoint point, double radius, const char* classes) {
  return "<circle cx=\"" + at(x_of(point.u)) + "\" cy=\"" + at(y_of(point.v)) + "\" r=\"" + at(radius) + "\" class=\"" +
         classes + "\"/>\n";
}

/// The points as part of a path's data: a pair after "M" begins a line, and pairs after that continue it.
std::string line_data(const std::vector<ToyPoint>& points) {
  std::string data = "M";
  for (const ToyPoint point : points) data += (data.size() == 1 ? "" : " ") + place(point);
  return data;
}

/// One surface: a translucent region per level, so that shades add up where the loss is high.
std::string surface(int domain) {
  ContourGrid grid{kGridColumns, kGridRows, {}};
  const auto u_of = [](double column) { return kViewU * (2 * column / (kGridColumns - 1) - 1); };
  const auto v_of = [](double row) { return kViewV * (2 * row / (kGridRows - 1) - 1); };
  for (int row = 0; row < kGridRows; ++row) {
    for (int column = 0; column < kGridColumns; ++column) {
      const ToyPoint point{u_of(column), v_of(row)};
      grid.values.push_back((domain < 0 ? toy_total(point) : toy_domain(domain, point)).loss);
    }
  }
  std::string svg = "<g id=\"surface" + std::to_string(domain + 1) + "\">\n<rect class=\"paper\" width=\"" +
                    at(kPanelWidth) + "\" height=\"" + at(kPanelHeight) + "\"/>\n";
  for (const double level : kLevels) {
    std::string path;
    for (const auto& loop : loops_above(grid, level)) {
      std::vector<ToyPoint> points;
      for (const LoopPoint point : loop) points.push_back({u_of(point.column), v_of(point.row)});
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
    svg += text(x_of(minimum.u), y_of(minimum.v) + 27, "label", fake ? "fake" : "flat", "middle");
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
  std::string svg = text(kMargin, y, "small", "loss, the same shades in all panels; steps are finer near 0");
  svg += text(kWidth - kMargin, y, "small wide", "circles: starts of the paths shown; dots: where all runs end", "end");
  for (std::size_t band = 0; band <= kLevels.size(); ++band) {
    const double x = kMargin + width * static_cast<double>(band);
    const std::string box =
        "x=\"" + at(x) + "\" y=\"" + at(y + 12) + "\" width=\"" + at(width) + "\" height=\"16\"/>\n";
    for (std::size_t level = 0; level < band; ++level) svg += "<rect class=\"band\" " + box;
    svg += "<rect class=\"frame\" " + box;
    if (band > 0) svg += text(x, y + 46, "small wide", short_number(kLevels[band - 1]), "middle");
  }
  return svg;
}

}  // namespace

std::string toy_figure(const ToyResult& result, double rho) {
  const std::vector<std::string>& algorithms = result.options.algorithms;
  const double height = kHead + kRowHeight * static_cast<double>(algorithms.size()) + kFoot;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + at(kWidth) + " " + at(height) +
                    "\" role=\"img\" aria-label=\"Paths of training methods over the losses of two domains and their "
                    "mean\">\n<style>" +
                    std::string(kStyle) + "</style>\n<defs>\n<clipPath id=\"panel\"><rect width=\"" + at(kPanelWidth) +
                    "\" height=\"" + at(kPanelHeight) + "\"/></clipPath>\n";
  for (const int domain : kSurfaces) svg += surface(domain);
  svg += minima();
  for (std::size_t i = 0; i < algorithms.size(); ++i) {
    const ToyCell* const cell = result.find(algorithms[i], rho);
    require(cell != nullptr, "--draw-rho ", rho, " is none of --rho");
    svg += paths(*cell, result.options.starts, "paths" + std::to_string(i));
  }
  svg += "</defs>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n";
  svg += text(kMargin, 32, "title", "Two minima that the mean of the domains cannot tell apart");
  for (std::size_t column = 0; column < kSurfaces.size(); ++column) {
    const double x = kMargin + (kPanelWidth + kGap) * static_cast<double>(column);
    const int domain = kSurfaces[column];
    svg += text(x + kPanelWidth / 2, 74, "", domain < 0 ? "mean of both" : "domain " + std::to_string(domain + 1),
                "middle");
  }
  for (std::size_t row = 0; row < algorithms.size(); ++row) {
    const ToyCell& cell = *result.find(algorithms[row], rho);
    const double top = kHead + kRowHeight * static_cast<double>(row);
    const std::string colour = "c" + std::to_string(row % 5);
    const std::string name = upper(cell.algorithm) + (cell.rho ? ", ρ " + short_number(rho) : "");
    svg += text(kMargin, top + 28, "bold coloured " + colour,
                name + ": " + percent(cell.fraction(ToyEnd::fake)) + " fake, " + percent(cell.fraction(ToyEnd::flat)) +
                    " flat, " + percent(cell.fraction(ToyEnd::elsewhere)) + " elsewhere");
    for (std::size_t column = 0; column < kSurfaces.size(); ++column) {
      const double x = kMargin + (kPanelWidth + kGap) * static_cast<double>(column), y = top + kRowLabel;
      svg += "<g transform=\"translate(" + at(x) + " " + at(y) + ")\"><g clip-path=\"url(#panel)\">\n";
      svg += use("surface" + std::to_string(kSurfaces[column] + 1));
      svg += use("paths" + std::to_string(row), colour) + use("minima");
      svg += "</g><rect class=\"frame\" width=\"" + at(kPanelWidth) + "\" height=\"" + at(kPanelHeight) + "\"/></g>\n";
    }
  }
  return svg + key(height - kFoot + 26) + "</svg>\n";
}

}  // namespace dgsam
