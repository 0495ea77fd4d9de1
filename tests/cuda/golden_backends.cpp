#include "tests/optim/golden_backends.h"

#include "engine/cuda/library/cuda_backend.h"

namespace dgsam {

/// The emulator is slow: a few runs, the first of them of one method with each kind of batch norm.
const std::vector<GoldenBackend>& golden_backends() {
  static CudaKernelBackend kernels;
  static CudaBackend libraries({.measure = false, .plan_cache = "none"});
  static const std::vector<GoldenBackend> all{{"emulated cuda", &kernels, DType::f32, 1e-5, 9},
                                              {"emulated libraries", &libraries, DType::f32, 1e-5, 9}};
  return all;
}

}  // namespace dgsam
