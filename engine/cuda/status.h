// Every call of CUDA's runtime is checked: a failure is an Error that names the call.
#pragma once

#include <cuda_runtime.h>

#include "engine/core/check.h"

namespace dgsam {

/// Throws Error unless status is cudaSuccess: "CUDA: <call...>: <what the runtime says> (<its name for it>)".
template <class... Call>
void check_cuda(cudaError_t status, const Call&... call) {
  if (status != cudaSuccess) [[unlikely]]
    fail("CUDA: ", call..., ": ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")");
}

}  // namespace dgsam
