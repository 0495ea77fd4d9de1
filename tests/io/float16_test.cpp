#include "engine/io/float16.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

using namespace dgsam;

TEST_CASE("a half converts to float by the definition: (-1)^s 2^(e-15) 1.f, and subnormals are f 2^-24") {
  CHECK(half_to_float(0x3c00) == 1.0f);
  CHECK(half_to_float(0xc000) == -2.0f);
  CHECK(half_to_float(0x3555) == 0x1.554p-2f);
  CHECK(half_to_float(0x7bff) == 65504.0f);
  CHECK(half_to_float(0x0400) == 0x1p-14f);
  CHECK(half_to_float(0x03ff) == 1023 * 0x1p-24f);
  CHECK(half_to_float(0x0001) == 0x1p-24f);
  CHECK(half_to_float(0x7c00) == std::numeric_limits<float>::infinity());
  CHECK(half_to_float(0xfc00) == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(half_to_float(0x7e01)));
  CHECK(std::signbit(half_to_float(0x8000)));
}

TEST_CASE("every half that is no NaN survives a round trip through float, and NaN stays NaN") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    const std::uint16_t back = float_to_half(value);
    wrong += std::isnan(value) ? !std::isnan(half_to_float(back)) : back != half;
  }
  CHECK(wrong == 0);
}

TEST_CASE("float to half takes the nearest, ties to even: checked at and beside every midpoint") {
  int wrong = 0;
  for (std::uint16_t lower = 0; lower < 0x7bff; ++lower) {
    const auto upper = static_cast<std::uint16_t>(lower + 1);
    const float middle = (half_to_float(lower) + half_to_float(upper)) / 2;  // exact: one more bit than a half has
    wrong += float_to_half(std::nextafter(middle, 0.0f)) != lower;
    wrong += float_to_half(std::nextafter(middle, 1e9f)) != upper;
    wrong += float_to_half(middle) != (lower % 2 == 0 ? lower : upper);
    wrong += float_to_half(-middle) != ((lower % 2 == 0 ? lower : upper) | 0x8000);
  }
  CHECK(wrong == 0);
}

TEST_CASE("float to half at the ends of the range: overflow, underflow, infinity, NaN") {
  CHECK(float_to_half(65519.996f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == 0x7c00);
  CHECK(float_to_half(-1e30f) == 0xfc00);
  CHECK(float_to_half(std::numeric_limits<float>::infinity()) == 0x7c00);
  CHECK(float_to_half(0x1p-25f) == 0);  // halfway between 0 and the smallest: to even
  CHECK(float_to_half(0x1.000002p-25f) == 1);
  CHECK(float_to_half(-1e-30f) == 0x8000);
  CHECK(float_to_half(std::bit_cast<float>(0x00000001u)) == 0);
  // A NaN whose payload lies in the bits that are cut off must not become an infinity.
  CHECK(std::isnan(half_to_float(float_to_half(std::bit_cast<float>(0x7f800001u)))));
}
