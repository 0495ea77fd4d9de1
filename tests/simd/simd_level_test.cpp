// What the loops of a portable build compute does not depend on the level of instructions that they run at. This
// program is compiled as a portable build is, whatever the rest is compiled for.
#include "engine/core/simd_level.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "data/colour.h"
#include "data/resize.h"
#include "engine/core/check.h"
#include "engine/cpu/parallel.h"

namespace dgsam::test {
namespace {

/// The levels that this processor has.
std::vector<SimdLevel> levels() {
  std::vector<SimdLevel> all;
  for (const SimdLevel level : {SimdLevel::build, SimdLevel::avx2, SimdLevel::avx512}) {
    if (level <= best_simd_level()) all.push_back(level);
  }
  return all;
}

/// Whether `compute` returns the same at every level.
template <class Result>
bool same_at_all_levels(const std::function<Result()>& compute) {
  set_simd_level(SimdLevel::build);
  const Result expected = compute();
  bool same = true;
  for (const SimdLevel level : levels()) {
    set_simd_level(level);
    same = same && compute() == expected;
  }
  set_simd_level(best_simd_level());
  return same;
}

/// Pseudo-random bytes.
std::vector<std::uint8_t> bytes(std::size_t count) {
  std::vector<std::uint8_t> values(count);
  std::uint32_t state = 1;
  for (std::uint8_t& value : values) value = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return values;
}

using Bytes = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("the level in use is the best one, and a level above it is refused") {
  CHECK(simd_level() == best_simd_level());
  if (best_simd_level() < SimdLevel::avx512) CHECK_THROWS_AS(set_simd_level(SimdLevel::avx512), Error);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) CHECK(best_simd_level() >= SimdLevel::avx2);
#endif
}

TEST_CASE("resized pixels are the same at every level, for sizes that fill no registers, too") {
  for (const int width : {1, 7, 33, 224}) {
    CAPTURE(width);
    Image image;
    image.width = 61;
    image.height = 47;
    image.rgb = bytes(std::size_t{3} * 61 * 47);
    CHECK(same_at_all_levels<Bytes>([&] { return resize_bilinear(image, width, width + 2).rgb; }));
    CHECK(same_at_all_levels<Bytes>([&] { return resize_crop_planar(image, {3, 5, 50, 40}, width, width); }));
  }
}

TEST_CASE("colours change to the same bytes at every level") {
  const Bytes rgb = bytes(3 * 1003);
  for (const int shift : {0, 17, 200}) {
    for (const float factor : {0.7f, 1.0f, 1.29f}) {
      CAPTURE(shift);
      CAPTURE(factor);
      CHECK(same_at_all_levels<Bytes>([&] {
        ColourRow row(rgb.size() / 3);
        row.load_rgb(rgb.data());
        blend(row, 90, factor);
        saturate(row, factor);
        shift_hue(row, shift);
        const std::int64_t sum = luma_sum(row);
        Bytes out(rgb.size());
        row.store_rgb(out.data());
        to_grey(row);
        Bytes grey(rgb.size());
        row.store_planar(grey.data());
        out.insert(out.end(), grey.begin(), grey.end());
        out.push_back(static_cast<std::uint8_t>(sum % 251));
        return out;
      }));
    }
  }
}

TEST_CASE("loops over elements reach every element once, and round alike where they only multiply") {
  constexpr std::int64_t kCount = 3 * kChunk + 5;
  std::vector<float> from(kCount);
  for (std::int64_t i = 0; i < kCount; ++i) from[i] = static_cast<float>(i % 1000) / 7;
  CHECK(same_at_all_levels<std::vector<float>>([&] {
    std::vector<float> to(kCount, 1);
    parallel_elements(2, kCount, [in = from.data(), out = to.data()](std::int64_t i) { out[i] *= in[i] * 1.1f; });
    return to;
  }));
}

}  // namespace dgsam::test
