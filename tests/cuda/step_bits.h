// Recorded steps, the second stream, early uploads: whether a backend computes the same bits with and without them.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/check/intercept.h"
#include "tests/cuda/network_training.h"

namespace dgsam {

/// A backend that is given one operation after the other: no recording, no second stream, no early uploads.
class OneByOne final : public InterceptingBackend {
 public:
  using InterceptingBackend::InterceptingBackend;
  bool is_asynchronous() const override { return false; }
  std::unique_ptr<Recording> record(const std::function<void()>&) override { return nullptr; }

 private:
  void intercept(const Call& call) override { call.run_on(inner()); }
};

/// A backend whose operations all go to the main stream.
class WithoutSide final : public InterceptingBackend {
 public:
  using InterceptingBackend::InterceptingBackend;
  void begin_side() override {}
  void end_side() override {}
  void join_side() override {}

 private:
  void intercept(const Call& call) override { call.run_on(inner()); }
};

/// What some steps of a training leave behind.
struct StepsSeen {
  Vector theta;
  std::vector<StepReport> reports;
};

inline StepsSeen take_steps(Backend& backend, NetworkTraining training, bool recording, int steps) {
  training.method->set_recording(recording);
  StepsSeen seen;
  for (int step = 0; step < steps; ++step) {
    training.step();
    if (step > 0) seen.reports.push_back(training.method->report(1));
  }
  seen.reports.push_back(training.method->report());
  seen.theta = read(backend, training.theta);
  return seen;
}

/// Checks that `steps` steps of make_training(backend) end with the same bits, in whichever way they are queued, and
/// when they are taken again.
template <class MakeTraining>
void check_step_bits(Backend& backend, const MakeTraining& make_training, int steps = 5) {
  OneByOne one_by_one(backend);
  WithoutSide without_side(backend);
  const StepsSeen expected = take_steps(one_by_one, make_training(one_by_one), false, steps);
  const auto compare = [&](const std::string& way, Backend& other, bool recording) {
    CAPTURE(way);
    const StepsSeen seen = take_steps(other, make_training(other), recording, steps);
    CHECK(seen.theta == expected.theta);
    for (std::size_t step = 0; step < expected.reports.size(); ++step) {
      CHECK(seen.reports[step].losses == expected.reports[step].losses);
      CHECK(seen.reports[step].norms == expected.reports[step].norms);
      CHECK(seen.reports[step].domains == expected.reports[step].domains);
    }
  };
  compare("two streams", backend, false);
  compare("two streams, recorded", backend, true);
  compare("two streams, recorded, again", backend, true);
  compare("one stream, recorded", without_side, true);
}

}  // namespace dgsam
