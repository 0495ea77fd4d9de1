// What the tests of operations run on in the program of the CUDA backend: the kernels, and the libraries on top of
// them, emulated.
#include "engine/cpu/make_cpu_backend.h"
#include "engine/cuda/library/cuda_backend.h"
#include "tests/ops/ops.h"

namespace dgsam::test {

/// The last one compares every call with the CPU.
const std::vector<NamedBackend>& backends() {
  static CudaKernelBackend kernels;
  static CudaBackend libraries({.measure = false, .plan_cache = "none"});
  static const auto cpu = make_cpu_backend({.threads = 2}, false);
  static CompareBackend compare(kernels, *cpu);
  static const std::vector<NamedBackend> all{
      {"emulated cuda", &kernels}, {"emulated libraries", &libraries, true}, {"compared", &compare}};
  return all;
}

std::vector<Layout> layouts(std::int64_t) { return {Layout::dense}; }

}  // namespace dgsam::test
