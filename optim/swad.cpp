#include "optim/swad.h"

#include <algorithm>
#include <cmath>

#include "engine/core/check.h"
#include "optim/moving_average.h"

namespace dgsam {
namespace {

bool has_smaller_loss(const SwadState::Segment& a, const SwadState::Segment& b) { return a.loss < b.loss; }

}  // namespace

Swad::Swad(Backend& backend, const FlatVector& theta, double tolerance_ratio)
    : backend_(&backend),
      tolerance_ratio_(tolerance_ratio),
      segment_(backend, theta.shared_layout(), theta.dtype()),
      average_(backend, theta.shared_layout(), theta.dtype()) {
  for (int i = 0; i < kTolerance; ++i) kept_.emplace_back(backend, theta.shared_layout(), theta.dtype());
}

void Swad::average(const FlatVector& theta) { add_to_mean(*backend_, theta, state_.segment_steps++, segment_); }

void Swad::end_segment(std::int64_t step, double validation_loss) {
  require(!std::isnan(validation_loss), "step ", step,
          ": SWAD needs a validation loss, and it is not a number: is there a --holdout?");
  if (state_.dead) return;
  if (state_.kept.size() == kTolerance) state_.kept.erase(state_.kept.begin());
  state_.kept.push_back({step + 1 - state_.segment_steps, step, validation_loss});
  ++state_.ended;
  state_.segment_steps = 0;
  backend_->copy(segment_.all(), weights(state_.kept.size() - 1).all());

  if (!state_.threshold) return look_for_convergence();
  if (state_.kept.front().last_step < state_.converged_step) return;
  if (smallest_loss() > *state_.threshold) {
    state_.dead = true;
  } else {
    take_in(0);
  }
}

void Swad::look_for_convergence() {
  const std::vector<SwadState::Segment>& kept = state_.kept;
  if (kept.size() < kConverge) return;
  const auto window = kept.end() - kConverge;
  if (std::min_element(window, kept.end(), has_smaller_loss) != window) return;

  double sum = 0;
  for (auto segment = window; segment != kept.end(); ++segment) sum += segment->loss;
  state_.threshold = sum / kConverge * (1 + tolerance_ratio_);
  state_.converged_step = window->last_step;
  // Quirk: the average begins as a copy of this segment that counts as none, so the first one taken in replaces it.
  take_in(static_cast<std::size_t>(window - kept.begin()));
  state_.averaged = 0;

  // Looking back: the segments up to the converged one, without those before the loss was last above the threshold.
  // Quirks: with few segments so far these reach beyond the converged one, and those are taken in again later; and the
  // first of them is left out.
  const std::size_t end = std::min<std::size_t>(kept.size(), kTolerance - kConverge + 1);
  std::size_t first = end;
  while (first > 0 && kept[first - 1].loss <= *state_.threshold) --first;
  for (std::size_t i = first + 1; i < end; ++i) take_in(i);
}

const FlatVector& Swad::finish() {
  require(state_.ended > 0, "SWAD has nothing to average: no evaluation has taken place");
  if (!state_.threshold) {
    state_.averaged = 1;
    state_.first_step = state_.kept.back().first_step;
    state_.last_step = state_.kept.back().last_step;
    return weights(state_.kept.size() - 1);
  }
  // Quirk: the oldest one goes whether it has been taken in or not.
  if (!state_.dead) state_.kept.erase(state_.kept.begin());
  while (!state_.dead && !state_.kept.empty() && smallest_loss() <= *state_.threshold) {
    take_in(0);
    state_.kept.erase(state_.kept.begin());
  }
  return average_;
}

std::vector<Swad::NamedVector> Swad::vectors() {
  std::vector<NamedVector> vectors{{"swad.segment", &segment_}, {"swad.average", &average_}};
  for (std::size_t i = 0; i < kept_.size(); ++i) vectors.push_back({"swad.kept." + std::to_string(i), &kept_[i]});
  return vectors;
}

double Swad::smallest_loss() const {
  return std::min_element(state_.kept.begin(), state_.kept.end(), has_smaller_loss)->loss;
}

FlatVector& Swad::weights(std::size_t i) {
  return kept_[(static_cast<std::size_t>(state_.ended) - state_.kept.size() + i) % kTolerance];
}

void Swad::take_in(std::size_t i) {
  if (state_.averaged == 0) state_.first_step = state_.kept[i].first_step;
  state_.last_step = state_.kept[i].last_step;
  add_to_mean(*backend_, weights(i), state_.averaged++, average_);
}

}  // namespace dgsam
