// Loops without branches or calls, which compilers vectorise. All whole numbers that occur are below 2^24: floats hold
// them exactly. Pillow computes hue and saturation in a mix of float and double; the shorter forms here give the same
// bytes for all 2^24 colours (tests/data/colour_test.cpp).
#include "data/colour.h"

#include <algorithm>

#include "engine/core/simd_level.h"

namespace dgsam {
namespace {

/// Toward zero; not std::trunc, which is a call where the processor has no such instruction.
float cut(float value) { return static_cast<float>(static_cast<int>(value)); }

std::uint8_t to_byte(float value) { return static_cast<std::uint8_t>(static_cast<int>(value)); }

float luma(float red, float green, float blue) {
  return cut((red * 19595 + green * 38470 + blue * 7471 + 0x8000) * (1.0f / 65536));
}

float blend(float from, float to, float factor) {
  return cut(std::min(std::max(from + factor * (to - from), 0.0f), 255.0f));
}

}  // namespace

void ColourRow::load_planar(const std::uint8_t* values, bool mirrored) {
  at_simd_level([&](auto) {
    float* out = values_.data();
    const std::size_t size = values_.size();
    if (!mirrored) {
      for (std::size_t i = 0; i < size; ++i) out[i] = values[i];
      return;
    }
    for (std::size_t start = 0; start < size; start += count_)
      for (std::size_t i = 0; i < count_; ++i) out[start + i] = values[start + count_ - 1 - i];
  });
}

void ColourRow::store_planar(std::uint8_t* values) {
  at_simd_level([&](auto) {
    const float* in = values_.data();
    const std::size_t size = values_.size();
    for (std::size_t i = 0; i < size; ++i) values[i] = to_byte(in[i]);
  });
}

void ColourRow::load_rgb(const std::uint8_t* rgb) {
  at_simd_level([&](auto) {
    float* __restrict r = red(), * __restrict g = green(), * __restrict b = blue();
    for (std::size_t i = 0; i < count_; ++i) {
      r[i] = rgb[3 * i];
      g[i] = rgb[3 * i + 1];
      b[i] = rgb[3 * i + 2];
    }
  });
}

void ColourRow::store_rgb(std::uint8_t* rgb) {
  at_simd_level([&](auto) {
    const float *r = red(), *g = green(), *b = blue();
    const std::size_t count = count_;
    for (std::size_t i = 0; i < count; ++i) {
      rgb[3 * i] = to_byte(r[i]);
      rgb[3 * i + 1] = to_byte(g[i]);
      rgb[3 * i + 2] = to_byte(b[i]);
    }
  });
}

void blend(ColourRow& row, int constant, float factor) {
  at_simd_level([&](auto) {
    float* values = row.red();
    const auto from = static_cast<float>(constant);
    for (std::size_t i = 0; i < row.size(); ++i) values[i] = blend(from, values[i], factor);
  });
}

void saturate(ColourRow& row, float factor) {
  at_simd_level([&](auto) {
    float* __restrict red = row.red(), * __restrict green = row.green(), * __restrict blue = row.blue();
    for (std::size_t i = 0; i < row.count(); ++i) {
      const float grey = luma(red[i], green[i], blue[i]);
      red[i] = blend(grey, red[i], factor);
      green[i] = blend(grey, green[i], factor);
      blue[i] = blend(grey, blue[i], factor);
    }
  });
}

void shift_hue(ColourRow& row, int shift) {
  at_simd_level([&](auto) {
    float* __restrict red = row.red(), * __restrict green = row.green(), * __restrict blue = row.blue();
    for (std::size_t i = 0; i < row.count(); ++i) {
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
      const float saturation = cut(range * 255.0f / std::max(most, 1.0f));

      // Back: a channel is the most within 1/6 of a turn of its own hue, the least from 2/6 on, and falls evenly
      // between. `start` turns the hue so that this is the way from 0 up to 1 and from 3 down to 4 sixths, of 255 steps
      // each.
      const auto channel = [=](float start) {
        const float turned = start + hue * 6, angle = turned >= 6 * 255 ? turned - 6 * 255 : turned;
        const float fallen = std::max(0.0f, std::min(255.0f, std::min(angle, 4 * 255 - angle)));
        return cut(most * (65025.0f - saturation * fallen) * (1.0f / 65025.0f) + 0.5f);
      };
      red[i] = channel(5 * 255);
      green[i] = channel(3 * 255);
      blue[i] = channel(1 * 255);
    }
  });
}

void to_grey(ColourRow& row) {
  at_simd_level([&](auto) {
    float* __restrict red = row.red(), * __restrict green = row.green(), * __restrict blue = row.blue();
    for (std::size_t i = 0; i < row.count(); ++i) red[i] = green[i] = blue[i] = luma(red[i], green[i], blue[i]);
  });
}

std::int64_t luma_sum(ColourRow& row) {
  const float *red = row.red(), *green = row.green(), *blue = row.blue();
  std::int64_t sum = 0;
  constexpr std::size_t kBlock = 1 << 16;  // of which 32 bits hold the sum
  at_simd_level([&](auto) {
    for (std::size_t at = 0; at < row.count(); at += kBlock) {
      std::int32_t part = 0;
      for (std::size_t i = at; i < std::min(row.count(), at + kBlock); ++i)
        part += static_cast<std::int32_t>(luma(red[i], green[i], blue[i]));
      sum += part;
    }
  });
  return sum;
}

}  // namespace dgsam
