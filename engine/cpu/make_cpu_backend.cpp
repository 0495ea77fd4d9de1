#include "engine/cpu/make_cpu_backend.h"

namespace dgsam {

bool onednn_available() { return false; }

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options, bool) {
  return std::make_unique<CpuBackend>(options);
}

}  // namespace dgsam
