#include "tools/lab/drawing/svg_canvas.h"

#include <array>
#include <string_view>

#include "data/encode.h"
#include "tools/lab/drawing/svg.h"
#include "tools/terminal/base64.h"
#include "tools/terminal/format_number.h"

namespace dgsam {

namespace {

constexpr std::array<std::string_view, 11> kInkNames = {"paper", "ink", "soft", "rule", "white", "black",
                                                        "c0",    "c1",  "c2",   "c3",   "c4"};

std::string name_of(Ink ink) { return std::string(kInkNames.at(static_cast<std::size_t>(ink))); }

/// Classes paper (on the ground), f-paper (filled) and s-paper (stroked), and so on for the other inks.
std::string style() {
  std::string css = "text { font-family: " + std::string(kFontFamily) +
                    "; font-variant-numeric: tabular-nums; }\n"
                    "polyline { fill: none; stroke-linejoin: round; stroke-linecap: round; }\n"
                    ".halo { paint-order: stroke; stroke-width: 3px; stroke-linejoin: round; }\n";
  std::string inks = ".paper { fill: var(--paper); }\n";
  for (const std::string_view ink : kInkNames) {
    const std::string name(ink), colour = "var(--" + name + ")";
    inks += ".f-" + name + " { fill: " + colour + "; } .s-" + name + " { stroke: " + colour + "; }\n";
  }
  return css + themed_style(inks);
}

}  // namespace

SvgCanvas::SvgCanvas(double width, double height, const std::string& title)
    : text_(svg_file_opening(escaped(title), width, height, style(), true)) {}

void SvgCanvas::image(Place corner, double width, double height, const Image& image) {
  text_ += "<image x=\"" + svg_number(corner.x) + "\" y=\"" + svg_number(corner.y) + "\" width=\"" + svg_number(width) +
           "\" height=\"" + svg_number(height) + "\" preserveAspectRatio=\"none\" href=\"data:image/png;base64," +
           base64(encode_png(image)) + "\"/>\n";
}

void SvgCanvas::line(const std::vector<Place>& points, const Stroke& stroke) {
  text_ += "<polyline class=\"s-" + name_of(stroke.ink) + "\" stroke-width=\"" + format_number(stroke.width, 2) + "\"";
  if (stroke.opacity < 1) text_ += " opacity=\"" + format_number(stroke.opacity, 2) + "\"";
  if (stroke.dashed) text_ += " stroke-dasharray=\"5 4\"";
  text_ += " points=\"";
  for (std::size_t i = 0; i < points.size(); ++i)
    text_ += (i > 0 ? " " : "") + svg_number(points[i].x) + "," + svg_number(points[i].y);
  text_ += "\"/>\n";
}

void SvgCanvas::rectangle(Place corner, double width, double height, const Stroke& stroke) {
  const double right = corner.x + width, bottom = corner.y + height;
  line({corner, {right, corner.y}, {right, bottom}, {corner.x, bottom}, corner}, stroke);
}

void SvgCanvas::disc(Place centre, double radius, Ink fill, Ink edge, const std::string& hint) {
  text_ += "<circle class=\"f-" + name_of(fill) + " s-" + name_of(edge) + "\" cx=\"" + svg_number(centre.x) +
           "\" cy=\"" + svg_number(centre.y) + "\" r=\"" + svg_number(radius) + "\" stroke-width=\"1.5\"><title>" +
           escaped(hint) + "</title></circle>\n";
}

void SvgCanvas::text(Place at, const std::string& text, const TextStyle& style) {
  constexpr std::array<std::string_view, 3> kAnchors = {"start", "middle", "end"};
  text_ += "<text class=\"f-" + name_of(style.ink) + (style.halo ? " halo" : "") + "\" x=\"" + svg_number(at.x) +
           "\" y=\"" + svg_number(at.y) + "\" text-anchor=\"" +
           std::string(kAnchors.at(static_cast<std::size_t>(style.anchor))) + "\" font-size=\"" +
           svg_number(style.size) + "\"";
  if (style.bold) text_ += " font-weight=\"600\"";
  if (style.upwards) text_ += " transform=\"rotate(-90 " + svg_number(at.x) + " " + svg_number(at.y) + ")\"";
  if (style.halo) {
    const auto& [red, green, blue] = *style.halo;
    text_ += " stroke=\"rgb(" + std::to_string(red) + "," + std::to_string(green) + "," + std::to_string(blue) + ")\"";
  }
  text_ += ">" + escaped(text) + "</text>\n";
}

}  // namespace dgsam
