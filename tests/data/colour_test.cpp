#include "data/colour.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

using namespace dgsam;

namespace {

/// Pillow's RGB -> HSV (as Python's colorsys, in the same mix of float and double), hue shifted, -> RGB.
std::array<std::uint8_t, 3> pillow_shift_hue(std::array<std::uint8_t, 3> rgb, int shift) {
  const int r = rgb[0], g = rgb[1], b = rgb[2];
  const int most = std::max({r, g, b}), least = std::min({r, g, b});
  if (most == least) return rgb;
  const auto range = static_cast<float>(most - least);
  const float rc = static_cast<float>(most - r) / range;
  const float gc = static_cast<float>(most - g) / range;
  const float bc = static_cast<float>(most - b) / range;
  const auto sixths = static_cast<float>(r == most ? bc - gc : g == most ? 2.0 + rc - bc : 4.0 + gc - rc);
  const auto turns = static_cast<float>(std::fmod(sixths / 6.0 + 1.0, 1.0));
  const int hue = (std::clamp(static_cast<int>(turns * 255.0), 0, 255) + shift) & 255;
  const int saturation = std::clamp(static_cast<int>(range / static_cast<float>(most) * 255.0), 0, 255);
  const auto v = static_cast<std::uint8_t>(most);
  if (saturation == 0) return {v, v, v};
  const auto sector = static_cast<int>(std::floor(static_cast<float>(hue) * 6.0 / 255.0));
  const auto f = static_cast<float>(static_cast<float>(hue) * 6.0 / 255.0 - sector);
  const auto fs = static_cast<float>(static_cast<float>(saturation) / 255.0);
  const auto scaled = [most](double part) {
    return static_cast<std::uint8_t>(std::clamp(static_cast<int>(std::round(most * part)), 0, 255));
  };
  const std::uint8_t p = scaled(1.0 - fs), q = scaled(1.0 - fs * f), t = scaled(1.0 - fs * (1.0 - f));
  const std::uint8_t sectors[6][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
  const auto& now = sectors[sector % 6];
  return {now[0], now[1], now[2]};
}

}  // namespace

// kStep 1 checks every colour, each with one shift; 7 visits every value of every channel and every shift.
TEST_CASE("the vectorised hue shift equals Pillow's formula over the cube of colours, for every shift") {
  constexpr std::uint32_t kStep = 7, kColours = 1 << 24;
  ColourRow row(4096);
  std::vector<std::uint8_t> before(row.size()), after(row.size());
  int wrong = 0, shift = 0;
  for (std::uint32_t colour = 0; colour < kColours; shift = (shift + 101) & 255) {
    for (std::size_t i = 0; i < row.size(); i += 3, colour += kStep)  // past the last colour it starts again
      for (std::size_t c = 0; c < 3; ++c) before[i + c] = static_cast<std::uint8_t>(colour >> 8 * c);
    row.load_rgb(before.data());
    shift_hue(row, shift);
    row.store_rgb(after.data());
    for (std::size_t i = 0; i < row.size(); i += 3)
      wrong += pillow_shift_hue({before[i], before[i + 1], before[i + 2]}, shift) !=
               std::array{after[i], after[i + 1], after[i + 2]};
  }
  CHECK(wrong == 0);
}

TEST_CASE("a row loaded and stored again is the same bytes, in either arrangement, whatever the width") {
  for (const std::size_t width : {1, 15, 16, 17, 67}) {
    std::vector<std::uint8_t> rgb(3 * width), planar(3 * width), again(3 * width);
    for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<std::uint8_t>(i * 37);
    ColourRow row(width);
    row.load_rgb(rgb.data());
    row.store_planar(planar.data());
    CHECK(planar[width] == rgb[1]);
    row.load_planar(planar.data(), false);
    row.store_rgb(again.data());
    CHECK(again == rgb);
    row.load_planar(planar.data(), true);
    row.store_rgb(again.data());
    CHECK(again[0] == rgb[3 * width - 3]);
    CHECK(again[3 * width - 1] == rgb[2]);
  }
}
