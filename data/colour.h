// Colour changes of Pillow and torchvision, bit for bit, on rows whose channels are apart so that loops vectorise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dgsam {

/// One row: `count` values each of red, green and blue.
struct ColourRow {
  std::uint8_t *red, *green, *blue;
  std::size_t count;
};

/// Image.blend of every value with one constant: constant + factor (value - constant), cut to a byte toward zero.
/// Brightness is the blend with 0, contrast the blend with the image's mean luma.
void blend_row(ColourRow row, int constant, float factor);

/// The blend of every pixel with its own luma.
void saturate_row(ColourRow row, float factor);

/// To Pillow's 8-bit HSV, hue + shift modulo 256, and back.
void shift_hue_row(ColourRow row, int shift);

/// All channels become the luma.
void grey_row(ColourRow row);

/// Sum of the lumas: ITU-R 601 in Pillow's fixed point, (19595 R + 38470 G + 7471 B + 2^15) / 2^16 each.
std::int64_t luma_sum(ColourRow row);

/// `row.count` pixels of three neighbouring bytes from and to channels apart.
void split_channels(const std::uint8_t* rgb, ColourRow row);
void join_channels(ColourRow row, std::uint8_t* rgb);

}  // namespace dgsam
