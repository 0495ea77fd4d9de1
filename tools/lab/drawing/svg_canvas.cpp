#include <array>
#include <string_view>

#include "data/encode.h"
#include "tools/lab/drawing/canvas.h"
#include "tools/lab/drawing/svg.h"
#include "tools/terminal/base64.h"
#include "tools/terminal/format_number.h"

namespace dgsam {

namespace {

constexpr std::array<std::string_view, 11> kInkNames = {"paper",   "ink",     "soft",    "rule",    "white",  "black",
                                                        "series0", "series1", "series2", "series3", "series4"};

/// The report's colours, under names of their own so that a page may hold the figure.
constexpr std::string_view kStyle = R"css(<style>
.figure { --paper: #fdfdfb; --ink: #1d2126; --soft: #5c636b; --rule: #d9dbd8; --white: #fff; --black: #0b0d10;
  --series0: #0067a5; --series1: #c24e00; --series2: #007f5f; --series3: #9b3f86; --series4: #7a6200;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
@media (prefers-color-scheme: dark) {
  .figure { --paper: #15171a; --ink: #e4e6e8; --soft: #a0a7ae; --rule: #33383d;
    --series0: #5ab4ee; --series1: #ff9a4d; --series2: #35cfa0; --series3: #e5a0cc; --series4: #e8d24a; }
}
.figure polyline { fill: none; stroke-linejoin: round; stroke-linecap: round; }
.figure text { font-variant-numeric: tabular-nums; }
.figure .halo { paint-order: stroke; stroke-width: 3px; stroke-linejoin: round; }
</style>
)css";

std::string number(double value) { return format_number(value, 1); }

std::string var(Ink ink) { return "var(--" + std::string(kInkNames.at(static_cast<std::size_t>(ink))) + ")"; }

}  // namespace

SvgCanvas::SvgCanvas(double width, double height, const std::string& title) {
  const std::string size = "width=\"" + number(width) + "\" height=\"" + number(height) + "\"";
  text_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"figure\" viewBox=\"0 0 " + number(width) + " " +
          number(height) + "\" " + size + " role=\"img\" aria-label=\"" + escaped(title) + "\">\n" +
          std::string(kStyle) + "<rect " + size + " style=\"fill:" + var(Ink::paper) + "\"/>\n";
}

void SvgCanvas::image(Place corner, double width, double height, const Image& image) {
  text_ += "<image x=\"" + number(corner.x) + "\" y=\"" + number(corner.y) + "\" width=\"" + number(width) +
           "\" height=\"" + number(height) + "\" preserveAspectRatio=\"none\" href=\"data:image/png;base64," +
           base64(encode_png(image)) + "\"/>\n";
}

void SvgCanvas::line(const std::vector<Place>& points, const Stroke& stroke) {
  text_ += "<polyline style=\"stroke:" + var(stroke.ink) + "\" stroke-width=\"" + format_number(stroke.width, 2) + "\"";
  if (stroke.opacity < 1) text_ += " opacity=\"" + format_number(stroke.opacity, 2) + "\"";
  if (stroke.dashed) text_ += " stroke-dasharray=\"5 4\"";
  text_ += " points=\"";
  for (std::size_t i = 0; i < points.size(); ++i)
    text_ += (i > 0 ? " " : "") + number(points[i].x) + "," + number(points[i].y);
  text_ += "\"/>\n";
}

void SvgCanvas::disc(Place centre, double radius, Ink fill, Ink edge, const std::string& hint) {
  text_ += "<circle cx=\"" + number(centre.x) + "\" cy=\"" + number(centre.y) + "\" r=\"" + number(radius) +
           "\" style=\"fill:" + var(fill) + ";stroke:" + var(edge) + "\" stroke-width=\"1.5\"><title>" + escaped(hint) +
           "</title></circle>\n";
}

void SvgCanvas::text(Place at, const std::string& text, const TextStyle& style) {
  constexpr std::array<std::string_view, 3> kAnchors = {"start", "middle", "end"};
  text_ += "<text x=\"" + number(at.x) + "\" y=\"" + number(at.y) + "\" text-anchor=\"" +
           std::string(kAnchors.at(static_cast<std::size_t>(style.anchor))) + "\" font-size=\"" + number(style.size) +
           "\"";
  if (style.bold) text_ += " font-weight=\"600\"";
  if (style.upwards) text_ += " transform=\"rotate(-90 " + number(at.x) + " " + number(at.y) + ")\"";
  if (style.halo) text_ += " class=\"halo\"";
  text_ += " style=\"fill:" + var(style.ink);
  if (style.halo) {
    const auto& [red, green, blue] = *style.halo;
    text_ += ";stroke:rgb(" + std::to_string(red) + "," + std::to_string(green) + "," + std::to_string(blue) + ")";
  }
  text_ += "\">" + escaped(text) + "</text>\n";
}

}  // namespace dgsam
