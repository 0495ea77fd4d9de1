#include "engine/cpu/make_cpu_backend.h"

#include "engine/cpu/onednn_backend.h"

#if defined(DGSAM_HAVE_ONEDNN)
#include "engine/cpu/onednn_api.h"
#endif

namespace dgsam {
namespace {

#if defined(DGSAM_HAVE_ONEDNN)
constexpr bool kHaveOneDnn = true, kHaveWinograd = onednn::kHasWinograd;
#else
constexpr bool kHaveOneDnn = false, kHaveWinograd = false;
#endif

}  // namespace

bool onednn_available() { return kHaveOneDnn; }

bool winograd_available() { return kHaveWinograd; }

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options, bool onednn) {
  if constexpr (kHaveOneDnn) {
    if (onednn) return make_onednn_backend(options);
  }
  return std::make_unique<CpuBackend>(options);
}

}  // namespace dgsam
