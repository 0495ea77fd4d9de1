// The simple moving average of a run's weights (SMA; Arpit et al., Ensemble of Averages, NeurIPS 2022).
#pragma once

#include <cstdint>

#include "engine/backend.h"
#include "engine/core/flat_vector.h"

namespace dgsam {

/// mean <- the mean of count + 1 vectors, when it was that of `count`. What it held before the first one is gone.
void add_to_mean(Backend& backend, const FlatVector& vector, std::int64_t count, FlatVector& mean);

class MovingAverage {
 public:
  /// from: the first step whose weights count.
  MovingAverage(Backend& backend, const FlatVector& theta, std::int64_t from)
      : backend_(&backend), from_(from), mean_(backend, theta.shared_layout(), theta.dtype()) {}

  /// After every step, with the weights that it left. Queues work on the device only. How many weights the mean has
  /// follows from the step, so that a run that is resumed needs vector() alone.
  void add(std::int64_t step, const FlatVector& theta) {
    if (step >= from_) add_to_mean(*backend_, theta, step - from_, mean_);
  }
  std::int64_t from() const { return from_; }
  FlatVector& vector() { return mean_; }

 private:
  Backend* backend_;
  std::int64_t from_;
  FlatVector mean_;
};

}  // namespace dgsam
