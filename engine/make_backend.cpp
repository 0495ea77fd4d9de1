#include "engine/make_backend.h"

#include "engine/core/check.h"
#include "engine/cpu/make_cpu_backend.h"
#include "engine/cuda/make_cuda_backend.h"

namespace dgsam {
namespace {

#if defined(DGSAM_HAVE_CUDA)
constexpr bool kHaveCuda = true;
#else
constexpr bool kHaveCuda = false;
#endif

}  // namespace

std::unique_ptr<Backend> make_backend(const std::string& device, const BackendOptions& options) {
  require(options.threads >= 0, "the number of threads is ", options.threads, "; give 1 or more, or 0 for all cores");
  require(device == "cpu" || device == "cuda" || device == "auto", "unknown device \"", device,
          "\"; use auto, cpu or cuda");
  if constexpr (kHaveCuda) {
    // Without the libraries its convolutions are plain loops, slower than oneDNN's.
    const bool best = device == "auto" && cuda_has_libraries() && cuda_problem().empty();
    if (best || device == "cuda") return make_cuda_backend({.tf32 = options.tf32, .measure = options.measure});
  }
  require(device != "cuda", "device cuda: this program was built without CUDA; use --device cpu");
  return make_cpu_backend({options.threads}, options.onednn);
}

}  // namespace dgsam
