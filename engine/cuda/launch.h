// The one way to start a kernel: a plain function call, so that the same text starts it on a GPU, compiled by nvcc, and
// on the CPU, compiled by any C++ compiler against an emulation of the runtime.
#pragma once

#include <cstddef>
#include <utility>

#include "engine/cuda/status.h"

namespace dgsam {

struct Launch {
  const char* kernel;  ///< its name, for errors
  cudaStream_t stream;
  dim3 grid;
  dim3 block;
  std::size_t shared = 0;  ///< bytes of shared memory per block
};

/// Starts kernel(arguments...) and returns without waiting for it. Throws Error with the kernel's name and the shape of
/// the launch if it cannot be started.
template <class... Parameters, class... Arguments>
void launch(const Launch& how, void (*kernel)(Parameters...), Arguments&&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = how.grid;
  config.blockDim = how.block;
  config.dynamicSmemBytes = how.shared;
  config.stream = how.stream;
  const cudaError_t status = cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
  check_cuda(status, "kernel ", how.kernel, ", grid ", how.grid.x, "x", how.grid.y, "x", how.grid.z, ", block ",
             how.block.x, "x", how.block.y, "x", how.block.z, ", ", how.shared, " bytes of shared memory");
}

}  // namespace dgsam
