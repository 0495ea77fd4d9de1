#include "tools/lab/drawing/colour_scale.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "tools/lab/drawing/svg.h"

namespace dgsam {

namespace {

constexpr int kColoursOfMap = 1024;
constexpr std::size_t kMostLevels = 10;
constexpr double kTimesGuessing = 5;

/// Oklab's lightness, chroma and hue (in degrees) to sRGB.
Rgb from_oklch(double lightness, double chroma, double hue) {
  const double angle = hue / 180 * std::numbers::pi, a = chroma * std::cos(angle), b = chroma * std::sin(angle);
  const auto cubed = [](double x) { return x * x * x; };
  const double l = cubed(lightness + 0.3963377774 * a + 0.2158037573 * b);
  const double m = cubed(lightness - 0.1055613458 * a - 0.0638541728 * b);
  const double s = cubed(lightness - 0.0894841775 * a - 1.2914855480 * b);
  const auto encoded = [](double linear) {
    const double x = std::clamp(linear, 0.0, 1.0);
    const double value = x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
    return static_cast<std::uint8_t>(std::lround(255 * value));
  };
  return {encoded(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
          encoded(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
          encoded(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

std::array<Rgb, kColoursOfMap> make_map() {
  std::array<Rgb, kColoursOfMap> map;
  for (std::size_t i = 0; i < map.size(); ++i) {
    const double t = static_cast<double>(i) / (kColoursOfMap - 1);
    map[i] = from_oklch(0.27 + 0.67 * t, 0.09 + 0.04 * t, 285 - 180 * t);
  }
  return map;
}

}  // namespace

double ColourScale::position(double value) const {
  if (std::isnan(value)) return 2;
  const double at =
      logarithmic ? std::log(std::max(value, 0.0) / low) / std::log(high / low) : (value - low) / (high - low);
  return std::clamp(at, -1.0, 2.0);
}

double ColourScale::value(double position) const {
  return logarithmic ? low * std::pow(high / low, position) : low + (high - low) * position;
}

std::vector<double> ColourScale::levels() const {
  if (!logarithmic || high / low < 3) return round_ticks(low, high, 8);
  std::vector<double> levels;
  const std::vector<std::vector<double>> finest_first = {
      {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8}, {1, 1.5, 2, 3, 5, 7}, {1, 2, 3, 5}, {1, 2, 5}, {1}};
  for (const std::vector<double>& factors : finest_first) {
    levels.clear();
    for (int power = static_cast<int>(std::floor(std::log10(low))); power <= std::log10(high); ++power) {
      for (const double factor : factors) {
        const double level = factor * std::pow(10.0, power);
        if (level >= low * (1 - 1e-9) && level <= high * (1 + 1e-9)) levels.push_back(level);
      }
    }
    if (levels.size() <= kMostLevels) break;
  }
  return levels;
}

double highest_shown(double low, double high, int classes) {
  return std::min(high, std::max(kTimesGuessing * std::log(static_cast<double>(std::max(classes, 1))), 2 * low));
}

Rgb colour_at(double position) {
  static const std::array<Rgb, kColoursOfMap> map = make_map();
  return map[static_cast<std::size_t>(std::lround(std::clamp(position, 0.0, 1.0) * (kColoursOfMap - 1)))];
}

std::string level_text(double level) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", std::abs(level) < 1e-12 ? 0.0 : level);
  return text;
}

}  // namespace dgsam
