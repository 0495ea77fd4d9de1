#include "engine/core/bfloat16.h"

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>

namespace dgsam {
namespace {

float through(float value) { return static_cast<float>(bfloat16(value)); }

}  // namespace

TEST_CASE("bfloat16 keeps what fits in 8 bits of significand") {
  for (const float value : {0.0f, 1.0f, -1.5f, 255.0f, 0x1p-120f, 0x1.fep127f}) CHECK(through(value) == value);
  CHECK(std::signbit(through(-0.0f)));
}

TEST_CASE("bfloat16 rounds to the nearest, and ties to even") {
  CHECK(through(1 + 0x1p-8f) == 1.0f);         // a tie, down to the even 1
  CHECK(through(1 + 0x3p-8f) == 1 + 0x1p-6f);  // a tie, up to the even 1 + 2/128
  CHECK(through(1 + 0x1p-8f + 0x1p-20f) == 1 + 0x1p-7f);
  CHECK(through(1 + 0x1p-8f - 0x1p-20f) == 1.0f);
  CHECK(through(-1 - 0x3p-8f) == -1 - 0x1p-6f);
}

TEST_CASE("bfloat16 overflows to infinity and keeps NaN a NaN") {
  CHECK(through(std::numeric_limits<float>::max()) == std::numeric_limits<float>::infinity());
  CHECK(through(-std::numeric_limits<float>::infinity()) == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(through(std::numeric_limits<float>::quiet_NaN())));
  // A NaN whose payload is only in the bits that are cut off.
  CHECK(std::isnan(through(std::bit_cast<float>(0x7f800001u))));
}

}  // namespace dgsam
