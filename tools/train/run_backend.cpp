#include "tools/train/run_backend.h"

#include <cstdio>

#include "engine/core/check.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/make_backend.h"

namespace dgsam {

RunBackend::RunBackend(const TrainConfig& config) : device_(make_backend(config.device, backend_options(config))) {
  const bool tf32 = config.precision == Precision::tf32;
  if (tf32 && device_->name().starts_with("cpu")) {
    std::fprintf(stderr, "note: --precision tf32: the CPU has no TF32 and computes in f32\n");
  }
  if (config.backend_check == 0) return;
  // A GPU's reference is the CPU at its fastest; the CPU's own are the loops without a library.
  reference_ = make_backend("cpu", {.threads = config.threads, .onednn = device_->is_asynchronous()});
  compare_ = std::make_unique<CompareBackend>(*device_, *reference_, tf32);
}

std::optional<std::size_t> RunBackend::host_bytes() const {
  const auto* const cpu = dynamic_cast<const CpuBackend*>(device_.get());
  return cpu ? std::optional(cpu->bytes_allocated()) : std::nullopt;
}

void RunBackend::report_differences() const {
  std::printf("%s, compared with %s: largest difference, as a part of the largest value\n%s", device_->name().c_str(),
              reference_->name().c_str(), compare_->report().c_str());
  require(compare_->passed(), "--backend-check: ", device_->name(),
          " differs from the CPU by more than rounding in the operations marked FAILED");
}

}  // namespace dgsam
