// Where a run computes.
#pragma once

#include <memory>
#include <optional>

#include "engine/check/compare_backend.h"
#include "tools/train/train_config.h"

namespace dgsam {

/// The device that the configuration asks for; with backend_check, one whose every operation is also done by the CPU
/// and compared.
class RunBackend {
 public:
  explicit RunBackend(const TrainConfig& config);

  Backend& get() const { return compare_ ? *compare_ : *device_; }
  /// Bytes of host memory that buffers take, where the device is the CPU; else nothing.
  std::optional<std::size_t> host_bytes() const;
  /// With backend_check: prints the largest difference of each operation. Throws Error when one is more than rounding
  /// explains.
  void report_differences() const;

 private:
  std::unique_ptr<Backend> device_, reference_;
  std::unique_ptr<CompareBackend> compare_;
};

}  // namespace dgsam
