#include "optim/step_recorder.h"

namespace dgsam {

bool StepRecorder::replay(const FlatVector& theta, const Gradient& gradient, const std::function<void()>& work) {
  const bool same_operands = theta_address_ == theta.data() && gradient_ == &gradient;
  if (recording_ && recording_->valid() && same_operands) {
    recording_->replay();
    return true;
  }
  // A step that warms up makes choices and memory. One whose recording has just ended makes them anew.
  const bool is_warm = same_operands && !recording_;
  recording_.reset();
  theta_address_ = theta.data();
  gradient_ = &gradient;
  if (enabled_ && is_warm) recording_ = backend_->record(work);
  if (recording_) recording_->replay();
  return recording_ != nullptr;
}

void StepRecorder::set_enabled(bool on) {
  enabled_ = on;
  recording_.reset();
}

}  // namespace dgsam
