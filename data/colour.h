// Colour changes of Pillow and torchvision, bit for bit, on rows of floats whose channels are apart: loops vectorise,
// and one change after another finds its values in the first cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dgsam {

/// One row: `count` values each of red, green and blue, whole numbers from 0 to 255.
class ColourRow {
 public:
  explicit ColourRow(std::size_t count) : count_(count), values_(3 * count) {}

  std::size_t count() const { return count_; }
  float* red() { return values_.data(); }
  float* green() { return values_.data() + count_; }
  float* blue() { return values_.data() + 2 * count_; }
  std::size_t size() const { return values_.size(); }

  /// Bytes of the same arrangement; mirrored: each channel from its last to its first.
  void load_planar(const std::uint8_t* values, bool mirrored);
  void store_planar(std::uint8_t* values);
  /// Pixels of three neighbouring bytes.
  void load_rgb(const std::uint8_t* rgb);
  void store_rgb(std::uint8_t* rgb);

 private:
  std::size_t count_;
  std::vector<float> values_;
};

/// Image.blend of every value with one constant: constant + factor (value - constant), cut to a byte toward zero.
/// Brightness is the blend with 0, contrast the blend with the image's mean luma.
void blend(ColourRow& row, int constant, float factor);

/// The blend of every pixel with its own luma.
void saturate(ColourRow& row, float factor);

/// To Pillow's 8-bit HSV, hue + shift modulo 256, and back.
void shift_hue(ColourRow& row, int shift);

/// All channels become the luma.
void to_grey(ColourRow& row);

/// Sum of the lumas: ITU-R 601 in Pillow's fixed point, (19595 R + 38470 G + 7471 B + 2^15) / 2^16 each.
std::int64_t luma_sum(ColourRow& row);

}  // namespace dgsam
