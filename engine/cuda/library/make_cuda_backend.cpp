#include "engine/cuda/make_cuda_backend.h"

#include "engine/cuda/library/cuda_backend.h"

namespace dgsam {

std::string cuda_problem() { return device_problem(); }

bool cuda_has_libraries() { return true; }

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  return std::make_unique<CudaBackend>(options);
}

}  // namespace dgsam
