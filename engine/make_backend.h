// From a device's name to a backend: the one place that knows which devices were built.
#pragma once

#include <memory>
#include <string>

#include "engine/backend.h"

namespace dgsam {

struct BackendOptions {
  int threads = 0;      ///< CPU threads; 0: as many as this process may run at once (engine/core/limits.h)
  bool onednn = true;   ///< CPU: use oneDNN where it was built; false: our own loops only
  bool measure = true;  ///< CUDA: choose the libraries' convolution algorithms by measurement; false: take their first
  bool tf32 = false;    ///< CUDA: f32 products may round their factors to TF32; the CPU keeps to f32
};

/// `device` is "cpu", "cuda" or "auto": cuda where there is a usable GPU, and cuDNN and cuBLASLt were built in, else
/// cpu. Throws Error for another name and for a device that this build or machine lacks.
std::unique_ptr<Backend> make_backend(const std::string& device, const BackendOptions& options = {});

}  // namespace dgsam
