#include "engine/core/rng.h"

#include <doctest/doctest.h>

namespace dgsam {

TEST_CASE("philox gives the known answers of Random123's kat_vectors for philox4x32-10") {
  const auto check = [](const PhiloxBlock& block, std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    CHECK(block.word[0] == a);
    CHECK(block.word[1] == b);
    CHECK(block.word[2] == c);
    CHECK(block.word[3] == d);
  };
  check(philox(0, 0, 0), 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u);
  const std::uint64_t ones = ~std::uint64_t{0};
  check(philox(ones, ones, ones), 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu);
  // The digits of pi: counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0.
  check(philox(0x299f31d0a4093822ull, 0x85a308d3243f6a88ull, 0x0370734413198a2eull), 0xd16cfe09u, 0x94fdccebu,
        0x5001e420u, 0x24126ea1u);
}

TEST_CASE("unit_float is at least 0 and below 1") {
  CHECK(unit_float(0) == 0.0f);
  CHECK(unit_float(~0u) == 1.0f - 0x1p-24f);
}

TEST_CASE("streams of different seed, purpose or index differ, and the same stream repeats itself") {
  RandomStream stream(1, "init");
  const std::uint64_t first = stream.next_u64();
  CHECK(RandomStream(1, "init").next_u64() == first);
  CHECK(RandomStream(2, "init").next_u64() != first);
  CHECK(RandomStream(1, "sample").next_u64() != first);
  CHECK(RandomStream(1, "init", 1).next_u64() != first);
  CHECK(RandomStream(1, "init", 0, 1).next_u64() != first);
  CHECK(stream.next_u64() != first);
}

TEST_CASE("below() reaches every value of a small bound evenly, and normal() has mean 0 and variance 1") {
  RandomStream stream(3, "test");
  int count[5] = {};
  for (int i = 0; i < 50000; ++i) ++count[stream.below(5)];
  for (const int hits : count) CHECK(std::abs(hits - 10000) < 500);
  double sum = 0, squares = 0;
  for (int i = 0; i < 50000; ++i) {
    const double x = stream.normal();
    sum += x;
    squares += x * x;
  }
  CHECK(std::abs(sum / 50000) < 0.02);
  CHECK(std::abs(squares / 50000 - 1) < 0.03);
}

}  // namespace dgsam
