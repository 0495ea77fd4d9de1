// Loops without branches or calls, which compilers vectorise. Pillow computes hue and saturation in a mix of float and
// double; the shorter float and integer forms here give the same bytes for all 2^24 colours
// (tests/data/colour_test.cpp).
#include "data/colour.h"

#include <algorithm>

namespace dgsam {
namespace {

int luma(int red, int green, int blue) { return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16; }

std::uint8_t blend(int from, int to, float factor) {
  const float value = static_cast<float>(from) + factor * static_cast<float>(to - from);
  return static_cast<std::uint8_t>(static_cast<int>(std::min(std::max(value, 0.0f), 255.0f)));
}

}  // namespace

void blend_row(ColourRow row, int constant, float factor) {
  for (std::uint8_t* channel : {row.red, row.green, row.blue})
    for (std::size_t i = 0; i < row.count; ++i) channel[i] = blend(constant, channel[i], factor);
}

void saturate_row(ColourRow row, float factor) {
  std::uint8_t* __restrict red = row.red, * __restrict green = row.green, * __restrict blue = row.blue;
  for (std::size_t i = 0; i < row.count; ++i) {
    const int grey = luma(red[i], green[i], blue[i]);
    red[i] = blend(grey, red[i], factor);
    green[i] = blend(grey, green[i], factor);
    blue[i] = blend(grey, blue[i], factor);
  }
}

void shift_hue_row(ColourRow row, int shift) {
  std::uint8_t* __restrict red = row.red, * __restrict green = row.green, * __restrict blue = row.blue;
  for (std::size_t i = 0; i < row.count; ++i) {
    const float r = red[i], g = green[i], b = blue[i];
    const float most = std::max(r, std::max(g, b)), least = std::min(r, std::min(g, b)), range = most - least;
    // Hue in sixths of a turn: 0, 2 or 4 where red, green or blue is the most, and from there up to 1 towards the
    // channel after it or before it, the further the more of that channel there is.
    const float sixth = r == most ? 0.0f : g == most ? 2.0f : 4.0f;
    const float before = r == most ? b : g == most ? r : g;
    const float side = before == least ? 1.0f : -1.0f;
    const float missing = (2 * most + least - r - g - b) / std::max(range, 1.0f);
    const float sixths = sixth + side - side * missing;
    const float turns = sixths / 6.0f + (sixths < 0 ? 1.0f : 0.0f);
    const auto hue = static_cast<float>((static_cast<int>(turns * 255.0f) + shift) & 255);
    const auto saturation = static_cast<float>(static_cast<int>(range * 255.0f / std::max(most, 1.0f)));

    // Back: a channel is the most within 1/6 of a turn of its own hue, the least from 2/6 on, and falls evenly between.
    // `start` turns the hue so that this is the way from 0 up to 1 and from 3 down to 4 sixths, of 255 steps each.
    // All products are whole numbers below 2^24.
    const auto channel = [=](float start) {
      const float turned = start + hue * 6, angle = turned >= 6 * 255 ? turned - 6 * 255 : turned;
      const float fallen = std::max(0.0f, std::min(255.0f, std::min(angle, 4 * 255 - angle)));
      const float value = most * (65025.0f - saturation * fallen) * (1.0f / 65025.0f);
      return static_cast<std::uint8_t>(static_cast<int>(value + 0.5f));
    };
    red[i] = channel(5 * 255);
    green[i] = channel(3 * 255);
    blue[i] = channel(1 * 255);
  }
}

void grey_row(ColourRow row) {
  std::uint8_t* __restrict red = row.red, * __restrict green = row.green, * __restrict blue = row.blue;
  for (std::size_t i = 0; i < row.count; ++i)
    red[i] = green[i] = blue[i] = static_cast<std::uint8_t>(luma(red[i], green[i], blue[i]));
}

std::int64_t luma_sum(ColourRow row) {
  std::int64_t sum = 0;
  constexpr std::size_t kBlock = 1 << 16;  // of which 32 bits hold the sum
  for (std::size_t at = 0; at < row.count; at += kBlock) {
    std::int32_t part = 0;
    for (std::size_t i = at; i < std::min(row.count, at + kBlock); ++i)
      part += luma(row.red[i], row.green[i], row.blue[i]);
    sum += part;
  }
  return sum;
}

void split_channels(const std::uint8_t* rgb, ColourRow row) {
  std::uint8_t* __restrict red = row.red, * __restrict green = row.green, * __restrict blue = row.blue;
  for (std::size_t i = 0; i < row.count; ++i) {
    red[i] = rgb[3 * i];
    green[i] = rgb[3 * i + 1];
    blue[i] = rgb[3 * i + 2];
  }
}

void join_channels(ColourRow row, std::uint8_t* __restrict rgb) {
  for (std::size_t i = 0; i < row.count; ++i) {
    rgb[3 * i] = row.red[i];
    rgb[3 * i + 1] = row.green[i];
    rgb[3 * i + 2] = row.blue[i];
  }
}

}  // namespace dgsam
