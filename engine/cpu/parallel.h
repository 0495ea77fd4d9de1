// Loops over threads, each compiled for the levels of instructions that the build has. Bodies must not throw. Results
// depend on the chunks and the level, never on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/core/simd_level.h"

namespace dgsam {

/// Elements in a chunk of an element-wise operation: enough to pay for a thread's start, few enough to balance.
inline constexpr std::int64_t kChunk = 16384;

/// body(i) for i in [0, count).
template <class Body>
void parallel_for(int threads, std::int64_t count, const Body& body) {
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1 && count > 1)
  for (std::int64_t i = 0; i < count; ++i) at_simd_level([&](auto) { body(i); });
}

/// body(begin, end) for consecutive chunks of [0, count).
template <class Body>
void parallel_chunks(int threads, std::int64_t count, std::int64_t chunk, const Body& body) {
  parallel_for(threads, (count + chunk - 1) / chunk,
               [&](std::int64_t i) { body(i * chunk, std::min(count, (i + 1) * chunk)); });
}

/// body(i) for every element i of [0, count), vectorised: iterations must not depend on one another, but what body(i)
/// reads and writes at i may be the same address.
template <class Body>
void parallel_elements(int threads, std::int64_t count, const Body& body) {
  parallel_chunks(threads, count, kChunk, [&](std::int64_t begin, std::int64_t end) {
    DGSAM_INDEPENDENT_ITERATIONS
    for (std::int64_t i = begin; i < end; ++i) body(i);
  });
}

}  // namespace dgsam
