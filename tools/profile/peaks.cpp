#include "tools/profile/peaks.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "engine/core/check.h"

namespace dgsam {
namespace {

// Enough independent chains to hide the latency of a multiply-add (4 cycles, 2 per cycle), few enough for 16 registers.
constexpr int kChains = 10;
constexpr int kRounds = 20000;
constexpr double kTrySeconds = 0.04;  // spent on each figure

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// A multiply-add on the widest vector the compiler was told to use: 64 bytes with AVX-512, 32 with AVX.
template <class T>
struct MultiplyAdd {
  using Vector __attribute__((vector_size(__BIGGEST_ALIGNMENT__))) = T;
  static constexpr double kFlops = 2.0 * __BIGGEST_ALIGNMENT__ / sizeof(T);

  Vector scale = Vector{} + T(0.5), shift = Vector{} + T(0.5);
  Vector operator()(Vector sum) const { return sum * scale + shift; }
};

#if defined(__AVX512BF16__)
struct Bf16MultiplyAdd {
  using Vector = __m512;
  static constexpr double kFlops = 2.0 * 32;

  __m512bh left = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.5f));
  Vector operator()(Vector sum) const { return _mm512_dpbf16_ps(sum, left, left); }
};
#else
struct Bf16MultiplyAdd;  // this CPU has none
#endif

/// Seconds of one thread for kRounds steps in each of kChains chains.
template <class Step>
double chain_seconds() {
  const Step step;
  typename Step::Vector sums[kChains];
  for (int i = 0; i < kChains; ++i)
    sums[i] = typename Step::Vector{} + static_cast<float>(i);  // all different: none is spared
  const double start = now();
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) sums[i] = step(sums[i]);
  }
  for (auto& sum : sums) asm volatile("" : : "m"(sum));  // claims to use the sums: the loop must run
  return now() - start;
}

/// Every thread computes for kTrySeconds; the sum over the threads of each one's best rate.
template <class Step>
double gflops(int threads) {
  double rate = 0;
#pragma omp parallel num_threads(threads) reduction(+ : rate)
  {
    double best = chain_seconds<Step>();
    for (const double begin = now(); now() - begin < kTrySeconds;) best = std::min(best, chain_seconds<Step>());
    rate += Step::kFlops * kChains * kRounds / best * 1e-9;
  }
  return rate;
}

template <class Step>
concept Complete = requires {
  sizeof(Step);
};

template <class Step>
double gflops_if_any(int threads) {
  if constexpr (Complete<Step>) return gflops<Step>(threads);
  return 0;
}

/// Each buffer is larger than the last-level cache, 64 MB at least; a copy of 256 MB is long enough to be judged by.
std::size_t copy_bytes() {
  const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  const std::size_t wanted = cache > 0 ? static_cast<std::size_t>(cache) * 3 / 2 : 0;
  return std::clamp<std::size_t>(wanted, std::size_t{64} << 20, std::size_t{256} << 20);
}

double copy_gbs(int threads) {
  const std::size_t part = copy_bytes() / static_cast<std::size_t>(threads), bytes = part * threads;
  const auto from = std::make_unique_for_overwrite<std::byte[]>(bytes);
  const auto to = std::make_unique_for_overwrite<std::byte[]>(bytes);
  const auto offset = [part](int thread) { return part * static_cast<std::size_t>(thread); };
  // The first touch of a page costs more than its copy: it happens here, on the thread that copies the page later.
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int thread = 0; thread < threads; ++thread) {
    std::memset(from.get() + offset(thread), 1, part);
    std::memset(to.get() + offset(thread), 2, part);
  }
  double seconds = 1e30;
  for (const double begin = now(); now() - begin < kTrySeconds;) {
    const double start = now();
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; ++thread) {
      std::memcpy(to.get() + offset(thread), from.get() + offset(thread), part);
      asm volatile("" : : "r"(to.get()) : "memory");  // claims to read the copy
    }
    seconds = std::min(seconds, now() - start);
  }
  return 2.0 * static_cast<double>(bytes) / seconds * 1e-9;
}

}  // namespace

MachinePeaks measure_peaks(int threads) {
  require(threads >= 1, "peaks are measured with at least 1 thread, not ", threads);
  MachinePeaks peaks;
  peaks.threads = threads;
  peaks.f32_gflops = gflops<MultiplyAdd<float>>(threads);
  peaks.bf16_gflops = gflops_if_any<Bf16MultiplyAdd>(threads);
  peaks.f64_gflops = gflops<MultiplyAdd<double>>(threads);
  peaks.copy_gbs = copy_gbs(threads);
  return peaks;
}

}  // namespace dgsam
