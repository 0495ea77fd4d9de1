// What figures are drawn on: the same strokes become SVG or pixels.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/image.h"
#include "tools/lab/drawing/colour_scale.h"

namespace dgsam {

/// Colours by their use. SVG has a light and a dark version of the first four and of the series; pixels are light.
/// white and black are the same in both, for what lies on a map.
enum class Ink : std::uint8_t { paper, ink, soft, rule, white, black, series0, series1, series2, series3, series4 };
inline constexpr int kSeriesInks = 5;

/// In units: pixels of a figure at its natural size, x to the right, y downwards.
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

class Canvas {
 public:
  virtual ~Canvas() = default;
  /// Pixels per unit that an image() should have.
  virtual double resolution() const = 0;
  virtual void image(Place corner, double width, double height, const Image& image) = 0;
  virtual void line(const std::vector<Place>& points, const Stroke& stroke) = 0;
  /// `hint`: what SVG shows under the mouse.
  virtual void disc(Place centre, double radius, Ink fill, Ink edge, const std::string& hint) = 0;
  /// `at` is on the baseline.
  virtual void text(Place at, const std::string& text, const TextStyle& style) = 0;
};

class SvgCanvas final : public Canvas {
 public:
  /// `title`: for those who cannot see it.
  SvgCanvas(double width, double height, const std::string& title);
  double resolution() const override { return 0.5; }  // browsers smooth it
  void image(Place corner, double width, double height, const Image& image) override;
  void line(const std::vector<Place>& points, const Stroke& stroke) override;
  void disc(Place centre, double radius, Ink fill, Ink edge, const std::string& hint) override;
  void text(Place at, const std::string& text, const TextStyle& style) override;
  /// The whole file, which follows the reader's light or dark theme.
  std::string svg() const { return text_ + "</svg>\n"; }

 private:
  std::string text_;
};

class PixelCanvas final : public Canvas {
 public:
  /// Two pixels per unit.
  PixelCanvas(double width, double height);
  double resolution() const override;
  void image(Place corner, double width, double height, const Image& image) override;
  void line(const std::vector<Place>& points, const Stroke& stroke) override;
  void disc(Place centre, double radius, Ink fill, Ink edge, const std::string& hint) override;
  /// In stb_easy_font's letters, which are ASCII; others become '?'.
  void text(Place at, const std::string& text, const TextStyle& style) override;
  const Image& pixels() const { return image_; }

 private:
  void blend(int x, int y, const Rgb& colour, double coverage);

  Image image_;
};

}  // namespace dgsam
