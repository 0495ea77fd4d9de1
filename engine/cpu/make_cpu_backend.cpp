#include "engine/cpu/make_cpu_backend.h"

#include "engine/cpu/onednn_backend.h"

namespace dgsam {
namespace {

#if defined(DGSAM_HAVE_ONEDNN)
constexpr bool kHaveOneDnn = true;
#else
constexpr bool kHaveOneDnn = false;
#endif

}  // namespace

bool onednn_available() { return kHaveOneDnn; }

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options, bool onednn) {
  if constexpr (kHaveOneDnn) {
    if (onednn) return make_onednn_backend(options);
  }
  return std::make_unique<CpuBackend>(options);
}

}  // namespace dgsam
