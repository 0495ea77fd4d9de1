// How long a sweep still takes.
#pragma once

#include <map>
#include <string>

#include "tools/lab/sweep/sweep.h"

namespace dgsam {

/// Seconds per step by data set and algorithm, from what ran so far, and what they say of the rest.
class SweepEstimate {
 public:
  /// A run that is over, or has come as far: `seconds` of wall clock for `steps`.
  void add(const SweepJob& job, double steps, double seconds);
  /// Steps that are still to be taken.
  void add_rest(const SweepJob& job, double steps);
  /// Seconds until the rest is done by `workers` at once, at least those of the longest job; negative when nothing has
  /// run yet. Where nothing of a data set and algorithm ran, the mean of the others stands for it.
  double seconds_left(int workers) const;

 private:
  struct Pace {
    double steps = 0, seconds = 0;
  };
  std::map<std::pair<std::string, std::string>, Pace> pace_;
  std::map<std::pair<std::string, std::string>, double> rest_;
  std::map<std::pair<std::string, std::string>, double> longest_;
};

}  // namespace dgsam
