// Pillow maps the centre of each output pixel back into the source and interpolates there in double precision. Columns
// beyond the edge repeat the edge; a row beyond the lower edge repeats the interpolated row above it. Results are cut
// to integers, not rounded. The cubic is the one with slope -1 at distance 1, not the -1/2 of Pillow's resize.
#include "data/rotate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "engine/core/check.h"

namespace dgsam {
namespace {

struct Source {
  std::span<const std::uint8_t> pixels;
  int width, height;

  double at(int x, int y) const { return pixels[static_cast<std::size_t>(y) * width + std::clamp(x, 0, width - 1)]; }
};

double linear(double a, double b, double d) { return a + (b - a) * d; }

double cubic(const std::array<double, 4>& v, double d) {
  const double p2 = -v[0] + v[2], p3 = 2 * (v[0] - v[1]) + v[2] - v[3], p4 = -v[0] + v[1] - v[2] + v[3];
  return v[1] + d * (p2 + d * (p3 + d * p4));
}

double bilinear_at(const Source& source, int x, int y, double dx, double dy) {
  const auto row = [&](int at) { return linear(source.at(x, at), source.at(x + 1, at), dx); };
  const double upper = row(std::max(y, 0));
  return linear(upper, y + 1 < source.height ? row(y + 1) : upper, dy);
}

double bicubic_at(const Source& source, int x, int y, double dx, double dy) {
  const auto row = [&](int at) {
    return cubic({source.at(x - 1, at), source.at(x, at), source.at(x + 1, at), source.at(x + 2, at)}, dx);
  };
  std::array<double, 4> rows{row(std::max(y - 1, 0))};
  for (int i = 1; i < 4; ++i) {
    const int at = y - 1 + i;
    rows[i] = at >= 0 && at < source.height ? row(at) : rows[i - 1];
  }
  return cubic(rows, dy);
}

/// Python's round(value, 15).
double round_15(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15f", value);
  return std::strtod(text, nullptr);
}

}  // namespace

std::vector<std::uint8_t> rotate_grey(std::span<const std::uint8_t> pixels, int width, int height, double degrees,
                                      Interpolation interpolation) {
  require(degrees >= 0 && degrees < 90, "rotation by ", degrees, " degrees; it must be 0 or more and less than 90");
  require(width > 0 && height > 0 && pixels.size() == static_cast<std::size_t>(width) * height, "rotation of a ", width,
          " x ", height, " image of ", pixels.size(), " pixels");
  if (degrees == 0) return {pixels.begin(), pixels.end()};

  const Source source{pixels, width, height};
  const double angle = -(degrees * (3.141592653589793 / 180.0));
  const double cosine = round_15(std::cos(angle)), sine = round_15(std::sin(angle));
  const double centre_x = width / 2.0, centre_y = height / 2.0;
  const double shift_x = cosine * -centre_x + sine * -centre_y + centre_x;
  const double shift_y = -sine * -centre_x + cosine * -centre_y + centre_y;

  std::vector<std::uint8_t> rotated(pixels.size());
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      double x = cosine * (column + 0.5) + sine * (row + 0.5) + shift_x;
      double y = -sine * (column + 0.5) + cosine * (row + 0.5) + shift_y;
      if (!(x >= 0 && x < width && y >= 0 && y < height)) continue;
      x -= 0.5;
      y -= 0.5;
      const auto left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(y));
      const auto interpolate = interpolation == Interpolation::kBicubic ? bicubic_at : bilinear_at;
      const double value = interpolate(source, left, top, x - left, y - top);
      rotated[static_cast<std::size_t>(row) * width + column] =
          static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
    }
  }
  return rotated;
}

}  // namespace dgsam
