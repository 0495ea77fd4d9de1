// What the decoders share: reading within bounds, palettes, and Pillow's conversions.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "data/image.h"
#include "engine/core/check.h"

namespace dgsam {

/// A file's bytes; reading past their end is an Error that calls the file truncated.
class ImageBytes {
 public:
  ImageBytes(std::span<const std::uint8_t> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  std::size_t size() const { return bytes_.size(); }
  const std::string& name() const { return name_; }

  std::span<const std::uint8_t> part(std::size_t at, std::size_t count) const {
    require(at <= bytes_.size() && count <= bytes_.size() - at, name_, ": truncated image");
    return bytes_.subspan(at, count);
  }
  std::uint8_t u8(std::size_t at) const { return part(at, 1)[0]; }
  /// Little-endian number of `count` bytes, at most 4.
  std::uint32_t number(std::size_t at, std::size_t count) const {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : part(at, count)) value = value >> 8 | static_cast<std::uint32_t>(byte) << 24;
    return value >> (32 - 8 * count);
  }
  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }
  std::uint32_t big32(std::size_t at) const {
    const auto four = part(at, 4);
    return std::uint32_t{four[0]} << 24 | four[1] << 16 | four[2] << 8 | four[3];
  }
  /// What there is of a part; nothing of one that begins behind the end.
  std::span<const std::uint8_t> rest(std::size_t at, std::size_t most = SIZE_MAX) const {
    at = std::min(at, bytes_.size());
    return bytes_.subspan(at, std::min(most, bytes_.size() - at));
  }

 private:
  std::span<const std::uint8_t> bytes_;
  const std::string& name_;
};

/// The colours of 256 indices. Those that a file does not define are the greys of their index, as in Pillow.
class Palette {
 public:
  Palette() {
    for (std::size_t i = 0; i < colours_.size(); ++i) colours_[i].fill(static_cast<std::uint8_t>(i));
  }
  /// The file's entries: `stride` bytes each, of which three are the colour, from red to blue or from blue to red.
  Palette(std::span<const std::uint8_t> entries, std::size_t stride, bool blue_first) : Palette() {
    for (std::size_t i = 0; i < std::min(colours_.size(), entries.size() / stride); ++i) {
      std::copy_n(entries.begin() + static_cast<std::ptrdiff_t>(i * stride), 3, colours_[i].begin());
      if (blue_first) std::swap(colours_[i][0], colours_[i][2]);
    }
  }
  const std::array<std::uint8_t, 3>& operator[](std::uint8_t index) const { return colours_[index]; }

 private:
  std::array<std::array<std::uint8_t, 3>, 256> colours_;
};

/// An image of one colour.
inline Image filled(int width, int height, const std::array<std::uint8_t, 3>& colour) {
  Image image(width, height);
  for (std::uint8_t* out = image.rgb.data(); out != image.rgb.data() + image.rgb.size(); out += 3)
    std::copy_n(colour.begin(), 3, out);
  return image;
}

/// a * b / 255 rounded, for bytes (Pillow's MULDIV255).
inline int multiply_255(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

/// One pixel of CMYK, 255 for all ink, as Pillow's convert makes it RGB.
inline void cmyk_to_rgb(const std::uint8_t* ink, std::uint8_t* rgb) {
  const int white = 255 - ink[3];
  for (int c = 0; c < 3; ++c) rgb[c] = static_cast<std::uint8_t>(white - multiply_255(ink[c], white));
}

}  // namespace dgsam
