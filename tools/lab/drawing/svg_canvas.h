// Strokes, discs, images and texts of a figure, as an SVG file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/image.h"
#include "tools/lab/drawing/colour_scale.h"

namespace dgsam {

/// Colours of the palette by their use: series0 is c0.
enum class Ink : std::uint8_t { paper, ink, soft, rule, white, black, series0, series1, series2, series3, series4 };
inline constexpr int kSeriesInks = 5;

/// A point of a figure, in pixels at its natural size: x to the right, y downwards.
struct Place {
  double x = 0, y = 0;
};

struct Stroke {
  Ink ink = Ink::ink;
  double width = 1;
  double opacity = 1;
  bool dashed = false;
};

enum class Anchor : std::uint8_t { start, middle, end };

struct TextStyle {
  Anchor anchor = Anchor::start;
  Ink ink = Ink::ink;
  double size = 12;  ///< height of a line, about
  bool bold = false;
  bool upwards = false;          ///< turned by 90 degrees, read from below
  std::optional<Rgb> halo = {};  ///< an outline in the colour that lies behind
};

class SvgCanvas {
 public:
  /// Pixels of an image() per unit; viewers smooth it.
  static constexpr double kImageResolution = 0.5;

  /// `title`: for those who cannot see it.
  SvgCanvas(double width, double height, const std::string& title);
  void image(Place corner, double width, double height, const Image& image);
  void line(const std::vector<Place>& points, const Stroke& stroke);
  void rectangle(Place corner, double width, double height, const Stroke& stroke);
  /// `hint`: what is shown under the mouse.
  void disc(Place centre, double radius, Ink fill, Ink edge, const std::string& hint);
  /// `at` is on the baseline.
  void text(Place at, const std::string& text, const TextStyle& style);
  /// The whole file, which follows the reader's light or dark theme.
  std::string svg() const { return text_ + "</svg>\n"; }

 private:
  std::string text_;
};

}  // namespace dgsam
