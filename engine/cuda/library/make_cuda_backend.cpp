#include "engine/cuda/make_cuda_backend.h"

#include "engine/cuda/cuda_kernel_backend.h"

namespace dgsam {

std::string cuda_problem() { return device_problem(); }

std::unique_ptr<Backend> make_cuda_backend() { return std::make_unique<CudaKernelBackend>(); }

}  // namespace dgsam
