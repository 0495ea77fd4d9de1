// Standard normal numbers as a pure function of (seed, step, pass, element): every device draws the same ones but for
// the rounding of its logarithm, root and cosine.
//
//   key    = seed ^ 0x6E6F726D616C (so that dropout's draws are others)     counter = (element/4, step + pass·2^48)
//   words  = philox(key, counter);  u = (words[0 or 2] + 1)/2^32, v = words[1 or 3]/2^32
//   normal = sqrt(-2 ln u) cos(2π v) for even elements, sin for odd ones (Box and Muller, 1958)
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/core/host_device.h"
#include "engine/core/rng.h"

namespace dgsam {

struct NormalBlock {
  double value[4];
};

/// Elements 4·block .. 4·block + 3.
DGSAM_HOST_DEVICE inline NormalBlock normal_block(std::int64_t seed, std::int64_t step, std::int64_t pass,
                                                  std::int64_t block) {
  constexpr double kTwoPi = 6.283185307179586476925;
  const PhiloxBlock words =
      philox(static_cast<std::uint64_t>(seed) ^ 0x6E6F726D616Cull, static_cast<std::uint64_t>(block),
             static_cast<std::uint64_t>(step) + (static_cast<std::uint64_t>(pass) << 48));
  NormalBlock normals{};
  for (int pair = 0; pair < 4; pair += 2) {
    const double radius = std::sqrt(-2 * std::log((words.word[pair] + 1.0) * 0x1p-32));
    const double angle = kTwoPi * (words.word[pair + 1] * 0x1p-32);
    normals.value[pair] = radius * std::cos(angle);
    normals.value[pair + 1] = radius * std::sin(angle);
  }
  return normals;
}

}  // namespace dgsam
