// The source images of tests/golden/pil: the same formula as source() in make_golden.py.
#pragma once

#include "data/image.h"

namespace dgsam {

inline Image golden_source(int width, int height, int seed) {
  Image image(width, height);
  std::uint8_t* out = image.rgb.data();
  for (std::uint64_t y = 0; y < static_cast<std::uint64_t>(height); ++y) {
    for (std::uint64_t x = 0; x < static_cast<std::uint64_t>(width); ++x) {
      for (std::uint64_t c = 0; c < 3; ++c) {
        const std::uint64_t mixed = x * 7919 + y * 104729 + c * 1299709 + static_cast<std::uint64_t>(seed) * 15485863;
        const std::uint64_t noise = mixed * 2654435761 >> 11, slope = x * (3 + c) + y * (5 - c) + c * 40;
        *out++ = static_cast<std::uint8_t>((x / 9 + y / 7 + c) % 3 == 0 ? noise : slope);
      }
    }
  }
  return image;
}

}  // namespace dgsam
