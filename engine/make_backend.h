// From a device's name to a backend: the one place that knows which devices were built.
#pragma once

#include <memory>
#include <string>

#include "engine/backend.h"

namespace dgsam {

struct BackendOptions {
  int threads = 0;     ///< CPU threads; 0: one per core of the affinity mask
  bool onednn = true;  ///< CPU: use oneDNN where it was built; false: our own loops only
};

/// `device` is "cpu", "cuda" or "auto" (cpu, as long as the CUDA backend is not for training). Throws Error for
/// another name and for a device that this build or machine lacks.
std::unique_ptr<Backend> make_backend(const std::string& device, const BackendOptions& options = {});

}  // namespace dgsam
