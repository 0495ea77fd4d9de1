#include <stb/stb_easy_font.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "tools/lab/drawing/canvas.h"
#include "tools/lab/drawing/colour_scale.h"

namespace dgsam {

namespace {

constexpr double kPixels = 2;          // per unit
constexpr int kBaseline = 8;           // of stb_easy_font: its rows above the baseline
constexpr double kDash = 5, kGap = 4;  // in units

constexpr std::array<Rgb, 11> kInks = {{{0xfd, 0xfd, 0xfb},
                                        {0x1d, 0x21, 0x26},
                                        {0x5c, 0x63, 0x6b},
                                        {0xd9, 0xdb, 0xd8},
                                        {0xff, 0xff, 0xff},
                                        {0x0b, 0x0d, 0x10},
                                        {0x00, 0x67, 0xa5},
                                        {0xc2, 0x4e, 0x00},
                                        {0x00, 0x7f, 0x5f},
                                        {0x9b, 0x3f, 0x86},
                                        {0x7a, 0x62, 0x00}}};

const Rgb& colour_of(Ink ink) { return kInks.at(static_cast<std::size_t>(ink)); }

Place in_pixels(Place at) { return {at.x * kPixels, at.y * kPixels}; }

/// From p to the segment from a to b.
double distance(Place p, Place a, Place b) {
  const double dx = b.x - a.x, dy = b.y - a.y, squares = dx * dx + dy * dy;
  const double t = squares > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / squares, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/// The dashes of a line as lines of their own.
std::vector<std::vector<Place>> dashes(const std::vector<Place>& points) {
  std::vector<std::vector<Place>> result;
  double phase = 0;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Place a = points[i], b = points[i + 1];
    const double length = std::hypot(b.x - a.x, b.y - a.y);
    for (double at = 0; at < length;) {
      const bool drawn = phase < kDash;
      const double end = std::min(length, at + (drawn ? kDash : kDash + kGap) - phase);
      const auto place = [&](double s) {
        return Place{std::lerp(a.x, b.x, s / length), std::lerp(a.y, b.y, s / length)};
      };
      if (drawn) {
        if (phase == 0 || result.empty()) result.push_back({place(at)});
        result.back().push_back(place(end));
      }
      phase = std::fmod(phase + end - at, kDash + kGap);
      at = end;
    }
  }
  return result;
}

/// A filled rectangle of a letter, in font pixels from the baseline's start.
struct Stick {
  int left, top, right, bottom;
};

/// The letters of a text.
std::vector<Stick> sticks_of(std::string text) {
  for (char& letter : text) {
    if (letter < ' ' || letter > '~') letter = '?';
  }
  struct Vertex {
    float x, y, z;
    unsigned char colour[4];
  };
  std::vector<Vertex> vertices(4 * 20 * (text.size() + 1));
  const int quads = stb_easy_font_print(0, 0, text.data(), nullptr, vertices.data(),
                                        static_cast<int>(vertices.size() * sizeof(Vertex)));
  std::vector<Stick> sticks;
  for (int quad = 0; quad < quads; ++quad) {
    const Vertex &a = vertices[static_cast<std::size_t>(4 * quad)],
                 &b = vertices[static_cast<std::size_t>(4 * quad + 2)];
    sticks.push_back({static_cast<int>(a.x), static_cast<int>(a.y) - kBaseline, static_cast<int>(b.x),
                      static_cast<int>(b.y) - kBaseline});
  }
  return sticks;
}

/// The first byte of each character and ASCII.
std::string ascii(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if ((letter & 0xC0) != 0x80) result += letter;
  }
  return result;
}

}  // namespace

PixelCanvas::PixelCanvas(double width, double height)
    : image_(static_cast<int>(std::lround(width * kPixels)), static_cast<int>(std::lround(height * kPixels))) {
  const Rgb paper = colour_of(Ink::paper);
  for (std::size_t at = 0; at < image_.rgb.size(); ++at) image_.rgb[at] = paper[at % 3];
}

double PixelCanvas::resolution() const { return kPixels; }

void PixelCanvas::blend(int x, int y, const Rgb& colour, double coverage) {
  if (x < 0 || y < 0 || x >= image_.width || y >= image_.height || coverage <= 0) return;
  std::uint8_t* const pixel = image_.row(y) + 3 * x;
  for (std::size_t c = 0; c < 3; ++c) {
    pixel[c] = static_cast<std::uint8_t>(std::lround(std::lerp(pixel[c], colour[c], std::min(coverage, 1.0))));
  }
}

void PixelCanvas::image(Place corner, double width, double height, const Image& image) {
  const int left = static_cast<int>(std::lround(corner.x * kPixels)),
            top = static_cast<int>(std::lround(corner.y * kPixels));
  const int columns = static_cast<int>(std::lround(width * kPixels)),
            rows = static_cast<int>(std::lround(height * kPixels));
  for (int y = std::max(0, -top); y < rows && top + y < image_.height; ++y) {
    for (int x = std::max(0, -left); x < columns && left + x < image_.width; ++x) {
      const std::uint8_t* const from = image.row(y * image.height / rows) + 3 * (x * image.width / columns);
      std::copy_n(from, 3, image_.row(top + y) + 3 * (left + x));
    }
  }
}

void PixelCanvas::line(const std::vector<Place>& points, const Stroke& stroke) {
  if (stroke.dashed) {
    Stroke solid = stroke;
    solid.dashed = false;
    for (const std::vector<Place>& dash : dashes(points)) line(dash, solid);
    return;
  }
  const double half = stroke.width * kPixels / 2, reach = half + 1;
  Place low = in_pixels(points.at(0)), high = low;
  for (const Place& point : points) {
    const Place at = in_pixels(point);
    low = {std::min(low.x, at.x), std::min(low.y, at.y)};
    high = {std::max(high.x, at.x), std::max(high.y, at.y)};
  }
  const int left = static_cast<int>(std::floor(low.x - reach)), top = static_cast<int>(std::floor(low.y - reach));
  const int width = static_cast<int>(std::ceil(high.x + reach)) - left + 1;
  const int height = static_cast<int>(std::ceil(high.y + reach)) - top + 1;
  // Coverage of the whole line first: where its parts overlap it is drawn once.
  std::vector<float> covered(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Place a = in_pixels(points[i]), b = in_pixels(points[i + 1]);
    const int x_end = static_cast<int>(std::ceil(std::max(a.x, b.x) + reach)) - left;
    const int y_end = static_cast<int>(std::ceil(std::max(a.y, b.y) + reach)) - top;
    for (int y = static_cast<int>(std::floor(std::min(a.y, b.y) - reach)) - top; y <= y_end; ++y) {
      for (int x = static_cast<int>(std::floor(std::min(a.x, b.x) - reach)) - left; x <= x_end; ++x) {
        float& here =
            covered[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
        const double off = distance({left + x + 0.5, top + y + 0.5}, a, b);
        here = std::max(here, static_cast<float>(std::clamp(half + 0.5 - off, 0.0, 1.0)));
      }
    }
  }
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::size_t at =
          static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
      blend(left + x, top + y, colour_of(stroke.ink), stroke.opacity * covered[at]);
    }
  }
}

void PixelCanvas::disc(Place centre, double radius, Ink fill, Ink edge, const std::string& /*hint*/) {
  constexpr double kEdge = 1.5 * kPixels;
  const Place at = in_pixels(centre);
  const double outer = radius * kPixels + kEdge / 2;
  for (int y = static_cast<int>(at.y - outer) - 1; y <= at.y + outer + 1; ++y) {
    for (int x = static_cast<int>(at.x - outer) - 1; x <= at.x + outer + 1; ++x) {
      const double off = std::hypot(x + 0.5 - at.x, y + 0.5 - at.y);
      blend(x, y, colour_of(edge), std::clamp(outer + 0.5 - off, 0.0, 1.0));
      blend(x, y, colour_of(fill), std::clamp(outer - kEdge + 0.5 - off, 0.0, 1.0));
    }
  }
}

void PixelCanvas::text(Place at, const std::string& text, const TextStyle& style) {
  std::string letters = ascii(text);
  const std::vector<Stick> sticks = sticks_of(letters);
  const int scale = std::max(1, static_cast<int>(style.size * kPixels / 11));
  const int width = scale * stb_easy_font_width(letters.data());
  const int shift = style.anchor == Anchor::start ? 0 : style.anchor == Anchor::middle ? width / 2 : width;
  const int bold = style.bold ? 1 : 0;  // one pixel wider
  const Place start = in_pixels(at);
  const int x0 = static_cast<int>(std::lround(start.x)), y0 = static_cast<int>(std::lround(start.y));
  const auto draw = [&](const Rgb& colour, int wider) {
    for (const Stick& stick : sticks) {
      for (int y = stick.top * scale - wider; y < stick.bottom * scale + wider; ++y) {
        for (int x = stick.left * scale - wider - shift; x < stick.right * scale + wider + bold - shift; ++x)
          style.upwards ? blend(x0 + y, y0 - x, colour, 1) : blend(x0 + x, y0 + y, colour, 1);
      }
    }
  };
  if (style.halo) draw(*style.halo, 3);
  draw(colour_of(style.ink), 0);
}

}  // namespace dgsam
