// SWAD's averaging against LossValley written out literally, on validation losses of every kind.
#include "optim/swad.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "engine/core/check.h"
#include "tests/optim/reference.h"
#include "tests/optim/training.h"

using namespace dgsam;

namespace {

/// LossValley, rule by rule: two queues of whole segments, a final model that counts what was added to it.
struct ReferenceValley {
  struct Segment {
    Vector weights;
    std::int64_t end_step = 0;
    double loss = 0;
  };

  double tolerance_ratio;
  std::deque<Segment> converge = {}, smooth = {};
  std::optional<std::int64_t> converged_step = {};
  double threshold = 0;
  bool dead = false;
  Vector final_model = {};
  int count = 0;

  static double smallest(const std::deque<Segment>& queue) {
    double loss = queue[0].loss;
    for (const Segment& segment : queue) loss = std::min(loss, segment.loss);
    return loss;
  }
  void add(const Segment& segment) {
    for (std::size_t i = 0; i < final_model.size(); ++i) {
      final_model[i] =
          count == 0 ? segment.weights[i] : final_model[i] + (segment.weights[i] - final_model[i]) / (count + 1);
    }
    ++count;
  }
  void evaluate(const Segment& segment) {
    if (dead) return;
    converge.push_back(segment);
    if (converge.size() > 3) converge.pop_front();
    smooth.push_back(segment);
    if (smooth.size() > 6) smooth.pop_front();
    if (!converged_step) {
      if (converge.size() < 3 || converge[0].loss != smallest(converge)) return;
      converged_step = converge[0].end_step;
      final_model = converge[0].weights;
      threshold = (converge[0].loss + converge[1].loss + converge[2].loss) / 3 * (1 + tolerance_ratio);
      std::vector<Segment> back(smooth.begin(), smooth.begin() + std::min<std::ptrdiff_t>(std::ssize(smooth), 4));
      std::size_t start = 0;
      for (std::size_t i = 0; i < back.size(); ++i) {
        if (back[i].loss > threshold) start = i + 1;
      }
      for (std::size_t i = start + 1; i < back.size(); ++i) add(back[i]);
      return;
    }
    if (smooth[0].end_step < *converged_step) return;
    if (smallest(smooth) > threshold) {
      dead = true;
      return;
    }
    add(smooth[0]);
  }
  Vector result() {
    if (!converged_step) return converge.back().weights;
    if (!dead) {
      smooth.pop_front();
      while (!smooth.empty() && smallest(smooth) <= threshold) {
        add(smooth[0]);
        smooth.pop_front();
      }
    }
    return final_model;
  }
};

constexpr int kStepsPerSegment = 3;

/// θ after `step`.
Vector weights_at(std::int64_t step) {
  RandomStream random(5, "theta", static_cast<std::uint64_t>(step));
  return {random.normal(), random.normal(), random.normal(), random.normal()};
}

struct Averaging {
  Averaging() : layout(std::make_shared<FlatLayout>()) {
    layout->add("w", {4});
    theta = FlatVector(backend, layout, DType::f64);
    swad = std::make_unique<Swad>(backend, theta, 0.3);
  }
  /// The steps of one segment and its evaluation.
  void segment(double loss) {
    for (int i = 0; i < kStepsPerSegment; ++i) {
      write(backend, theta, weights_at(step++));
      swad->average(theta);
    }
    swad->end_segment(step - 1, loss);
  }

  CpuBackend backend;
  std::shared_ptr<FlatLayout> layout;
  FlatVector theta;
  std::unique_ptr<Swad> swad;
  std::int64_t step = 0;
};

ReferenceValley::Segment reference_segment(std::int64_t index, double loss) {
  Vector mean(4, 0.0);
  for (int i = 0; i < kStepsPerSegment; ++i)
    mean = plus(mean, 1.0 / kStepsPerSegment, weights_at(index * kStepsPerSegment + i));
  return {mean, (index + 1) * kStepsPerSegment - 1, loss};
}

/// Both over the same losses. Returns the final state.
SwadState check_against_reference(const Vector& losses) {
  CAPTURE(losses.size());
  Averaging averaging;
  ReferenceValley reference{0.3};
  for (std::size_t i = 0; i < losses.size(); ++i) {
    averaging.segment(losses[i]);
    reference.evaluate(reference_segment(static_cast<std::int64_t>(i), losses[i]));
    CHECK(averaging.swad->is_dead() == reference.dead);
    CHECK(averaging.swad->state().threshold.has_value() == reference.converged_step.has_value());
    CHECK(averaging.swad->state().averaged == reference.count);
  }
  CHECK(distance(read(averaging.backend, averaging.swad->finish()), reference.result()) < 1e-13);
  return averaging.swad->state();
}

}  // namespace

TEST_CASE("a loss that never stops falling leaves the last segment") {
  const SwadState state = check_against_reference({5, 4, 3, 2, 1});
  CHECK_FALSE(state.threshold);
  CHECK(state.first_step == 12);
  CHECK(state.last_step == 14);
}

// Segment 2 is the smallest of 2, 3, 4: threshold 2.6. Looking back takes in 2 and 3 (0 is above the threshold, and 1
// is the first one after it). They come again when they are the oldest of six; when 4 is, all six are above.
TEST_CASE("a valley that ends takes in its segments, dies, and does not change any more") {
  const Vector losses = {3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const SwadState state = check_against_reference(losses);
  CHECK(*state.threshold == doctest::Approx(2.6));
  CHECK(state.converged_step == 8);
  CHECK(state.dead);
  CHECK(state.averaged == 4);

  Averaging averaging;
  for (const double loss : losses) averaging.segment(loss);
  const Vector before = read(averaging.backend, averaging.swad->finish());
  averaging.segment(0.1);
  CHECK(read(averaging.backend, averaging.swad->finish()) == before);
}

TEST_CASE("a run that ends in its valley takes in the segments that remain, up to the last one below the threshold") {
  for (const Vector& losses : {Vector{1, 2, 3},
                               {3, 1, 1, 1},
                               {4, 3, 2, 1, 1.1, 1.2, 1.1, 1.3, 1.2},
                               {4, 3, 2, 1, 1.1, 1.2, 1.1, 9, 9},
                               {9, 9, 2, 9, 2, 2.1, 2.2, 2.3}}) {
    const SwadState state = check_against_reference(losses);
    CHECK(state.threshold.has_value());
    CHECK_FALSE(state.dead);
  }
}

TEST_CASE("on three hundred random courses of the loss the average is that of LossValley written out") {
  int converged = 0, died = 0;
  for (std::uint64_t course = 0; course < 300; ++course) {
    CAPTURE(course);
    RandomStream random(9, "losses", course);
    Vector losses(1 + random.below(30));
    const double fall = random.uniform(0.0, 0.4), rise = random.uniform(0.0, 0.4), noise = random.uniform(0.0, 0.5);
    const double bottom = random.uniform(0.0, 20.0);
    for (std::size_t i = 0; i < losses.size(); ++i) {
      const double x = static_cast<double>(i) - bottom;
      losses[i] = 1 + (x < 0 ? -fall * x : rise * x) + random.uniform(0.0, noise);
      if (course % 3 == 0) losses[i] = std::round(losses[i] * 4) / 4;  // ties
    }
    const SwadState state = check_against_reference(losses);
    converged += state.threshold.has_value();
    died += state.dead;
  }
  CHECK(converged > 150);
  CHECK(died > 40);
}

TEST_CASE("restored from its state and vectors, the averaging goes on to the same bits") {
  const Vector losses = {4, 3, 2, 1, 1.1, 1.2, 1.1, 1.3, 1.2};
  Averaging whole;
  for (const double loss : losses) whole.segment(loss);
  const Vector expected = read(whole.backend, whole.swad->finish());
  for (std::size_t stop = 0; stop < losses.size(); ++stop) {
    Averaging first, second;
    for (std::size_t i = 0; i < stop; ++i) first.segment(losses[i]);
    second.step = first.step;
    second.swad->restore(first.swad->state());
    const auto from = first.swad->vectors(), to = second.swad->vectors();
    for (std::size_t i = 0; i < from.size(); ++i)
      write(second.backend, *to[i].vector, read(first.backend, *from[i].vector));
    for (std::size_t i = stop; i < losses.size(); ++i) second.segment(losses[i]);
    CHECK(read(second.backend, second.swad->finish()) == expected);
  }
}

TEST_CASE("an average of nothing and a loss that is not a number are refused") {
  Averaging averaging;
  CHECK_THROWS_AS(averaging.swad->finish(), Error);
  averaging.swad->average(averaging.theta);
  CHECK_THROWS_AS(averaging.swad->end_segment(0, std::nan("")), Error);
}
