// StepRecorder: has a step's device work recorded once and replayed from then on, where the backend can record: the
// same operations at a fraction of the host's work.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "engine/backend.h"
#include "engine/core/flat_vector.h"
#include "optim/gradient.h"

namespace dgsam {

class StepRecorder {
 public:
  explicit StepRecorder(Backend& backend) : backend_(&backend) {}

  /// Queues the operations that `work`, the same in every step on this theta and this gradient, would call: from
  /// their recording, which is made of `work` when it is time. False, with nothing queued and `work` not called, where
  /// the step is to be taken by calling `work`: without a backend that records, and in a step that warms up, which is
  /// the first one on these operands and the first one after the device has given memory back.
  bool replay(const FlatVector& theta, const Gradient& gradient, const std::function<void()>& work);

  /// On from the start. Off: replay() is always false.
  void set_enabled(bool on);
  /// Kernels, copies and fills of the recording; 0 without one.
  std::int64_t launches() const { return recording_ ? recording_->launches() : 0; }

 private:
  Backend* backend_;
  bool enabled_ = true;
  std::unique_ptr<Recording> recording_;
  const void* theta_address_ = nullptr;  ///< what the last step worked on, recorded or not
  const Gradient* gradient_ = nullptr;
};

}  // namespace dgsam
