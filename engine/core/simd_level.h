// Loops for several levels of x86-64's vector instructions, chosen when the program runs. A build for one machine
// (DGSAM_NATIVE) has one level, that of the compiler's flags; a portable one has all of them in one binary.
#pragma once

#include <type_traits>

#if defined(__clang__)
/// Before a loop: its iterations do not depend on one another, whatever addresses they read and write.
#define DGSAM_INDEPENDENT_ITERATIONS _Pragma("clang loop vectorize(assume_safety)")
#else
#define DGSAM_INDEPENDENT_ITERATIONS _Pragma("GCC ivdep")
#endif

namespace dgsam {

enum class SimdLevel {
  build,  ///< what the compiler's flags allow: SSE2 in a portable build
  avx2,   ///< AVX2 and FMA: x86-64-v3
  avx512  ///< AVX-512 F, BW, CD, DQ, VL: x86-64-v4
};

/// The highest level that this build has and this processor can do.
SimdLevel best_simd_level();
/// The level in use: the best one, unless a test has set another.
SimdLevel simd_level();
/// For tests, while no loop runs. Throws Error where the level is above the best.
void set_simd_level(SimdLevel level);

/// Bytes of a vector register, for loops that are written with vector types.
template <int bytes>
using RegisterBytes = std::integral_constant<int, bytes>;

#if defined(DGSAM_PORTABLE) && defined(__x86_64__)

// Flattened: what the loop calls is compiled into it, for the same instructions.
template <class Loop>
[[gnu::target("arch=x86-64-v3"), gnu::flatten]] void loop_with_avx2(const Loop& loop) {
  loop(RegisterBytes<32>());
}

template <class Loop>
[[gnu::target("arch=x86-64-v4"), gnu::flatten]] void loop_with_avx512(const Loop& loop) {
  loop(RegisterBytes<64>());
}

/// loop(RegisterBytes<n>()), compiled for the level in use. What the loop calls must be visible, so that it is compiled
/// for that level, too.
template <class Loop>
void at_simd_level(const Loop& loop) {
  switch (simd_level()) {
    case SimdLevel::avx512:
      return loop_with_avx512(loop);
    case SimdLevel::avx2:
      return loop_with_avx2(loop);
    case SimdLevel::build:
      return loop(RegisterBytes<16>());
  }
}

#else

template <class Loop>
void at_simd_level(const Loop& loop) {
  loop(RegisterBytes<__BIGGEST_ALIGNMENT__>());
}

#endif

}  // namespace dgsam
