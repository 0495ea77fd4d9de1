// Image files in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"

namespace dgsam {

/// The bytes of an 8-bit RGB PNG file.
std::vector<std::uint8_t> encode_png(const Image& image);
/// The bytes of a JPEG file; quality from 1 to 100.
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality);

}  // namespace dgsam
