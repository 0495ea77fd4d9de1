// PNG in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"

namespace dgsam {

/// The bytes of an 8-bit RGB PNG file.
std::vector<std::uint8_t> encode_png(const Image& image);

}  // namespace dgsam
