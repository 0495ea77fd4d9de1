#include "engine/make_backend.h"

#include "engine/core/check.h"
#include "engine/cpu/make_cpu_backend.h"

namespace dgsam {

std::unique_ptr<Backend> make_backend(const std::string& device, const BackendOptions& options) {
  require(options.threads >= 0, "the number of threads is ", options.threads, "; give 1 or more, or 0 for all cores");
  require(device != "cuda", "device cuda: this program was built without CUDA; use --device cpu");
  require(device == "cpu" || device == "auto", "unknown device \"", device, "\"; use auto, cpu or cuda");
  return make_cpu_backend({options.threads}, options.onednn);
}

}  // namespace dgsam
