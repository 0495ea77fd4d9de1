// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC'11). A draw is a pure function of (key, counter),
// so the same draw comes out on any thread, in any order, on any device, and again in a backward pass.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "engine/core/host_device.h"

namespace dgsam {

struct PhiloxBlock {
  std::uint32_t word[4];
};

/// Ten rounds of Philox4x32. Known answer: key 0, counter 0 -> 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
DGSAM_HOST_DEVICE inline PhiloxBlock philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high) {
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  PhiloxBlock c{{static_cast<std::uint32_t>(counter_low), static_cast<std::uint32_t>(counter_low >> 32),
                 static_cast<std::uint32_t>(counter_high), static_cast<std::uint32_t>(counter_high >> 32)}};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = static_cast<std::uint64_t>(0xD2511F53u) * c.word[0];
    const std::uint64_t p1 = static_cast<std::uint64_t>(0xCD9E8D57u) * c.word[2];
    c = {{static_cast<std::uint32_t>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ c.word[3] ^ k1, static_cast<std::uint32_t>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

/// A uniform number in [0, 1) with 24 bits, exact in float and double.
DGSAM_HOST_DEVICE inline float unit_float(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

/// A stream of draws for host code: the key says what for, the counter counts. Two streams with different
/// (seed, purpose, a, b) are independent. Cheap to make: make one wherever a decision is drawn.
class RandomStream {
 public:
  /// `purpose` names the use ("init", "sample", "augment", ...); a and b index it (step, domain, ...).
  RandomStream(std::uint64_t seed, std::string_view purpose, std::uint64_t a = 0, std::uint64_t b = 0)
      : key_(hash(purpose) ^ (seed * 0x9E3779B97F4A7C15ull)), high_(a ^ (b << 40)) {}

  std::uint32_t next_u32() {
    if (used_ == 4) {
      block_ = philox(key_, low_++, high_);
      used_ = 0;
    }
    return block_.word[used_++];
  }
  std::uint64_t next_u64() {
    const std::uint64_t upper = next_u32();
    return upper << 32 | next_u32();
  }
  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform integer in [0, bound), without bias; bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t limit = bound * (~std::uint64_t{0} / bound);
    std::uint64_t draw = next_u64();
    while (draw >= limit) draw = next_u64();
    return draw % bound;
  }
  /// Standard normal (Box-Muller, one value per two draws).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(6.283185307179586476925 * uniform());
  }

 private:
  /// FNV-1a.
  static std::uint64_t hash(std::string_view text) {
    std::uint64_t value = 0xcbf29ce484222325ull;
    for (const char letter : text) value = (value ^ static_cast<unsigned char>(letter)) * 0x100000001b3ull;
    return value;
  }

  std::uint64_t key_;
  std::uint64_t high_;
  std::uint64_t low_ = 0;
  PhiloxBlock block_{};
  int used_ = 4;
};

}  // namespace dgsam
