// What this machine can do at best: the ceilings that a profile is compared with.
#pragma once

namespace dgsam {

struct MachinePeaks {
  double f32_gflops = 0;   // fused multiply-adds in registers, two operations each
  double bf16_gflops = 0;  // products of bf16 pairs added in f32; 0 without AVX512_BF16
  double f64_gflops = 0;
  double copy_gbs = 0;  // bytes read plus bytes written by a copy between buffers larger than the caches, 1e9/s
  int threads = 0;
};

/// Measures with `threads` OpenMP threads, the best of several tries; takes less than half a second on an idle machine.
/// Throws Error unless threads >= 1.
MachinePeaks measure_peaks(int threads);

}  // namespace dgsam
