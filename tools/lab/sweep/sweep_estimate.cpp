#include "tools/lab/sweep/sweep_estimate.h"

#include <algorithm>

namespace dgsam {

void SweepEstimate::add(const SweepJob& job, double steps, double seconds) {
  if (steps <= 0 || seconds <= 0) return;
  Pace& pace = pace_[{job.dataset, job.algorithm}];
  pace.steps += steps;
  pace.seconds += seconds;
}

void SweepEstimate::add_rest(const SweepJob& job, double steps) {
  const std::pair kind{job.dataset, job.algorithm};
  rest_[kind] += steps;
  longest_[kind] = std::max(longest_[kind], steps);
}

double SweepEstimate::seconds_left(int workers) const {
  if (pace_.empty()) return -1;
  double mean = 0;
  for (const auto& [kind, pace] : pace_) mean += pace.seconds / pace.steps / static_cast<double>(pace_.size());
  double total = 0, longest = 0;
  for (const auto& [kind, steps] : rest_) {
    const auto known = pace_.find(kind);
    const double per_step = known == pace_.end() ? mean : known->second.seconds / known->second.steps;
    total += steps * per_step;
    longest = std::max(longest, longest_.at(kind) * per_step);
  }
  return std::max(total / workers, longest);
}

}  // namespace dgsam
