// When a step is taken, recorded and replayed.
#include "optim/step_recorder.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "engine/cpu/cpu_backend.h"
#include "tests/optim/quadratics.h"

using namespace dgsam;

namespace {

/// A backend that records by remembering the work.
class RecordingBackend final : public CpuBackend {
 public:
  std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    ++recordings;
    work();
    return std::make_unique<Remembered>(*this);
  }

  int recordings = 0, replays = 0;
  bool valid = true;

 private:
  struct Remembered final : Recording {
    explicit Remembered(RecordingBackend& backend) : owner(backend) {}
    bool valid() const override { return owner.valid; }
    void replay() override { ++owner.replays; }
    std::int64_t launches() const override { return 7; }
    RecordingBackend& owner;
  };
};

struct Fixture {
  RecordingBackend backend;
  StepRecorder recorder{backend};
  Quadratics gradient{backend, {parabola(1, 0)}}, other_gradient{backend, {parabola(1, 0)}};
  FlatVector theta{backend, gradient.layout(), DType::f64}, other_theta{backend, gradient.layout(), DType::f64};

  /// "taken" by the caller, "recorded" and replayed, or "replayed".
  std::string step(const FlatVector& at, const Gradient& of) {
    const int recordings = backend.recordings, replays = backend.replays;
    bool called = false;
    if (!recorder.replay(at, of, [&] { called = true; })) {
      CHECK_FALSE(called);
      CHECK(backend.replays == replays);
      return "taken";
    }
    CHECK(backend.replays == replays + 1);
    CHECK(called == (backend.recordings > recordings));
    return called ? "recorded" : "replayed";
  }
  std::string step() { return step(theta, gradient); }
};

}  // namespace

TEST_CASE("the first step is taken, the second recorded, and those after it are replayed") {
  Fixture f;
  CHECK(f.step() == "taken");
  CHECK(f.recorder.launches() == 0);
  CHECK(f.step() == "recorded");
  CHECK(f.recorder.launches() == 7);
  CHECK(f.step() == "replayed");
  CHECK(f.step() == "replayed");
}

TEST_CASE("other operands, and memory that was given back, make a step warm up again") {
  Fixture f;
  f.step();
  f.step();
  CHECK(f.step(f.other_theta, f.gradient) == "taken");
  CHECK(f.step(f.other_theta, f.gradient) == "recorded");
  CHECK(f.step(f.other_theta, f.other_gradient) == "taken");
  CHECK(f.step(f.other_theta, f.other_gradient) == "recorded");
  f.backend.valid = false;
  CHECK(f.step(f.other_theta, f.other_gradient) == "taken");
  CHECK(f.recorder.launches() == 0);
  f.backend.valid = true;
  CHECK(f.step(f.other_theta, f.other_gradient) == "recorded");
}

TEST_CASE("switched off, or without a backend that records, every step is taken") {
  Fixture f;
  f.step();
  f.step();
  f.recorder.set_enabled(false);
  for (int step = 0; step < 3; ++step) CHECK(f.step() == "taken");
  f.recorder.set_enabled(true);
  CHECK(f.step() == "recorded");

  CpuBackend plain;
  StepRecorder recorder(plain);
  for (int step = 0; step < 3; ++step) CHECK_FALSE(recorder.replay(f.theta, f.gradient, [] { FAIL("called"); }));
}
