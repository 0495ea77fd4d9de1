#include "engine/io/float16.h"

#include <bit>
#include <cmath>

namespace dgsam {

namespace {
constexpr std::uint32_t kFloatInfinity = 0x7f800000u;
constexpr std::uint16_t kHalfInfinity = 0x7c00u;
}  // namespace

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu, fraction = bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | kFloatInfinity | fraction << 13);
  if (exponent == 0) {  // zero or subnormal: fraction · 2^-24
    return std::copysign(static_cast<float>(fraction) * 0x1p-24f, std::bit_cast<float>(sign));
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

std::uint16_t float_to_half(float value) {
  const auto word = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((word >> 16) & 0x8000u);
  const std::uint32_t magnitude = word & 0x7fffffffu;
  if (magnitude > kFloatInfinity)
    return static_cast<std::uint16_t>(sign | kHalfInfinity | 0x200u | ((word >> 13) & 0x3ffu));
  if (magnitude < 0x38800000u) {
    // Below 2^-14, the smallest normal half. Adding 0.5 leaves 2^-24 as the last bit and lets the adder round.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  if (rounded >= 0x47800000u) return static_cast<std::uint16_t>(sign | kHalfInfinity);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

}  // namespace dgsam
