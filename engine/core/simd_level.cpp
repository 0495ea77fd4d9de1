#include "engine/core/simd_level.h"

#include <atomic>

#include "engine/core/check.h"

namespace dgsam {
namespace {

std::atomic<SimdLevel>& level_in_use() {
  static std::atomic<SimdLevel> level = best_simd_level();
  return level;
}

}  // namespace

SimdLevel best_simd_level() {
#if defined(DGSAM_PORTABLE) && defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  return avx2 && avx512 ? SimdLevel::avx512 : avx2 ? SimdLevel::avx2 : SimdLevel::build;
#else
  return SimdLevel::build;
#endif
}

SimdLevel simd_level() { return level_in_use().load(std::memory_order_relaxed); }

void set_simd_level(SimdLevel level) {
  require(level <= best_simd_level(), "this build and processor have no loops of level ", static_cast<int>(level));
  level_in_use().store(level, std::memory_order_relaxed);
}

}  // namespace dgsam
