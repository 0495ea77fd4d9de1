// Where there are no libraries.
#include "engine/cuda/make_cuda_backend.h"

#include "engine/cuda/cuda_kernel_backend.h"

namespace dgsam {

std::string cuda_problem() { return device_problem(); }

bool cuda_has_libraries() { return false; }

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  require(!options.tf32, "precision tf32 needs cuDNN and cuBLASLt, which this program was built without; use f32");
  return std::make_unique<CudaKernelBackend>();
}

}  // namespace dgsam
