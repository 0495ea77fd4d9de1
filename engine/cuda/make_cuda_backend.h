// The CUDA backend without CUDA's headers.
#pragma once

#include <memory>
#include <string>

#include "engine/backend.h"

namespace dgsam {

/// Why there is no GPU that make_cuda_backend() can use; empty if there is one.
std::string cuda_problem();

/// Whether cuDNN and cuBLASLt were built in: without them convolutions are far too slow to train with.
bool cuda_has_libraries();

struct CudaOptions {
  bool tf32 = false;            ///< f32 convolutions and products may round their factors to TF32; needs the libraries
  bool measure = true;          ///< choose the libraries' algorithms by measurement; false: by their own heuristics
  std::string plan_cache = {};  ///< file of measured choices; "": the default (plan_file.h), "none": none
};

/// Throws Error with cuda_problem() and the remedy when there is one.
std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options = {});

}  // namespace dgsam
