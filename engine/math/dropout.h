// Inverted dropout whose mask is a pure function of (seed, layer, step, pass, element): the backward pass draws the
// same mask again, every device draws the same one, and every pass of a SAM step a new one.
//
//   key     = seed + layer·0x9E3779B97F4A7C15      counter = (element/4, step + pass·2^48)
//   word    = philox(key, counter)[element mod 4]
//   y       = x/(1 - p) if unit_float(word) >= p, else 0
#pragma once

#include <cstdint>

#include "engine/core/host_device.h"
#include "engine/core/rng.h"

namespace dgsam {

/// The random words of elements 4·block .. 4·block + 3.
DGSAM_HOST_DEVICE inline PhiloxBlock dropout_words(std::int64_t seed, std::int64_t step, std::int64_t pass,
                                                   std::uint32_t layer, std::int64_t block) {
  return philox(static_cast<std::uint64_t>(seed) + layer * 0x9E3779B97F4A7C15ull, static_cast<std::uint64_t>(block),
                static_cast<std::uint64_t>(step) + (static_cast<std::uint64_t>(pass) << 48));
}

/// `p` and `scale` = 1/(1 - p) in T.
template <class T>
DGSAM_HOST_DEVICE inline T dropped_out(T x, std::uint32_t word, T p, T scale) {
  return static_cast<T>(unit_float(word)) >= p ? x * scale : T{0};
}

}  // namespace dgsam
