// bfloat16: the upper half of a float. Storage only; arithmetic happens in float.
#pragma once

#include <bit>
#include <cstdint>

#include "engine/core/host_device.h"

namespace dgsam {

struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  /// Rounds to nearest, ties to even; NaN stays NaN (quiet), overflow becomes infinity.
  DGSAM_HOST_DEVICE explicit bfloat16(float value) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    if ((word & 0x7fffffffu) > 0x7f800000u) {
      bits = static_cast<std::uint16_t>((word >> 16) | 0x0040u);
    } else {
      bits = static_cast<std::uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
    }
  }
  DGSAM_HOST_DEVICE explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

static_assert(sizeof(bfloat16) == 2);

}  // namespace dgsam
