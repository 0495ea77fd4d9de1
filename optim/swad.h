// SWAD: stochastic weight averaging densely (Cha et al., NeurIPS 2021). The weights after every step are averaged over
// the part of a run in which the validation loss lies in a valley; LossValley finds that part while the run goes on.
//
// The steps between two evaluations are a segment, with the mean of their weights and the validation loss at its end.
// When the loss has stopped falling, segments go into the average, as long as it stays below a threshold. The rules are
// those of the authors' code, its quirks included: each is named where it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/core/flat_vector.h"

namespace dgsam {

/// Where the averaging stands, beside its vectors.
struct SwadState {
  struct Segment {
    std::int64_t first_step = 0, last_step = 0;
    double loss = 0;
  };

  std::int64_t segment_steps = 0;              ///< in the segment that has not ended
  std::int64_t ended = 0;                      ///< segments so far
  std::vector<Segment> kept;                   ///< the last ones, oldest first
  std::int64_t converged_step = 0;             ///< where the valley begins; with a threshold only
  std::optional<double> threshold;             ///< of the loss, once it has converged
  bool dead = false;                           ///< the loss has left the valley
  std::int64_t averaged = 0;                   ///< segments in the average
  std::int64_t first_step = 0, last_step = 0;  ///< of the average
};

class Swad {
 public:
  static constexpr int kConverge = 3;   ///< segments that tell convergence
  static constexpr int kTolerance = 6;  ///< segments of which the smallest loss counts, and that are kept

  struct NamedVector {
    std::string name;
    FlatVector* vector;
  };

  /// Makes kTolerance + 2 vectors like theta on the device: there they cost no transfers, and are saved like all
  /// others. The threshold is (1 + tolerance_ratio) times the loss at convergence.
  Swad(Backend& backend, const FlatVector& theta, double tolerance_ratio);

  /// After every step: theta goes into its segment's mean. Queues work on the device only.
  void average(const FlatVector& theta);
  /// At every evaluation, after average(): ends the segment at `step`, where theta has this validation loss. Without
  /// effect once the valley is dead. Throws Error when the loss is not a number.
  void end_segment(std::int64_t step, double validation_loss);
  /// Whether the loss has left the valley: training may stop, the average is final.
  bool is_dead() const { return state_.dead; }

  /// At the end of the run, once: takes in the segments that remain, and returns the average, or the last segment's
  /// weights when the loss never converged. state() then has its steps. Throws Error unless a segment has ended.
  const FlatVector& finish();

  /// What a run that is resumed needs: state() for restore(), and the values of the vectors, in a fixed order.
  const SwadState& state() const { return state_; }
  void restore(const SwadState& state) { state_ = state; }
  std::vector<NamedVector> vectors();

 private:
  void look_for_convergence();
  double smallest_loss() const;
  /// The weights of kept segment `i`.
  FlatVector& weights(std::size_t i);
  void take_in(std::size_t i);

  Backend* backend_;
  double tolerance_ratio_;
  FlatVector segment_;            ///< the mean of the one that has not ended
  std::vector<FlatVector> kept_;  ///< a ring
  FlatVector average_;
  SwadState state_;
};

}  // namespace dgsam
