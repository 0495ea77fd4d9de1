// Pillow's rotation of a grey image, bit for bit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace dgsam {

enum class Interpolation { kBilinear, kBicubic };

/// Image.rotate(degrees, interpolation) of Pillow for an 8-bit image of one channel, row-major (height, width):
/// counter- clockwise about the centre, the size kept, 0 where the source has no pixel. Throws Error unless 0 <=
/// degrees < 90 (Pillow treats multiples of 90 otherwise) and the sizes are those of `pixels`.
std::vector<std::uint8_t> rotate_grey(std::span<const std::uint8_t> pixels, int width, int height, double degrees,
                                      Interpolation interpolation);

}  // namespace dgsam
