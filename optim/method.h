// Method: a training algorithm, as one step over a Gradient and a base optimizer.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/core/flat_vector.h"
#include "optim/base_optimizer.h"
#include "optim/domain_order.h"
#include "optim/gradient.h"
#include "optim/step_recorder.h"
#include "optim/step_report.h"

namespace dgsam {

/// What the authors of DGSAM, GSAM and SAGM add to the norm that their ascent divides by.
inline constexpr double kAscentEps = 1e-12;

class Method {
 public:
  virtual ~Method() = default;

  virtual std::string name() const = 0;
  /// What a step costs, in gradients of one domain's batch.
  virtual int domain_gradients() const = 0;

  /// One step: begins it on the gradient and the optimizer, then moves theta once. Theta is written by the optimizer
  /// alone; perturbed points are other vectors, so there is nothing to restore. Does not wait for the device and
  /// allocates nothing there. `step` counts from 0.
  void step(std::int64_t step, FlatVector& theta, Gradient& gradient);

  /// Whether the device part of a step, done once, is recorded and then replayed. On from the start.
  void set_recording(bool on) { recorder_.set_enabled(on); }
  /// Kernels, copies and fills of a recorded step; 0 while none is recorded.
  std::int64_t recorded_launches() const { return recorder_.launches(); }

  /// What the last step saw, or, with `steps_ago` 1, the one before: a loop that asks for that one after each step
  /// leaves the device something to do meanwhile. Waits for that step, not for later ones.
  StepReport report(int steps_ago = 0) const;

 protected:
  /// Steps of `passes` passes each. Vectors of the method are made like `theta`. The backend and the optimizer must
  /// outlive the method. Throws Error without domains or without an order.
  Method(Backend& backend, BaseOptimizer& base, const FlatVector& theta, DomainOrder order, int domains, int passes);

  /// What a step takes from the host for run(), beside the batches and the optimizer's numbers. Called before run().
  virtual void begin(std::int64_t /*step*/) {}
  /// The device part of a step: the same operations on the same addresses in every step, so that it can be recorded.
  /// Passes and updates only; whatever else it keeps on the host must not change after the first step.
  virtual void run(FlatVector& theta, Gradient& gradient) = 0;

  /// g = gradient of batch j at `at`, with its loss and norm kept for the report. Returns the norm, f64[] on the
  /// device.
  Tensor pass(Gradient& gradient, int j, const FlatVector& at, FlatVector& g);
  /// The same over all batches.
  Tensor mean_pass(Gradient& gradient, const FlatVector& at, FlatVector& g);

  /// The loss of the last pass, a device scalar of theta's type.
  Tensor last_loss();

  Backend& backend() const { return *backend_; }
  BaseOptimizer& base() const { return *base_; }
  int domains() const { return domains_; }

 private:
  /// Where a pass leaves its loss: a scalar of theta's type.
  Tensor loss_slot(std::size_t pass);
  /// Takes the norm of the pass's gradient and goes on to the next pass.
  Tensor end_pass(int batch, FlatVector& g);

  Backend* backend_;
  BaseOptimizer* base_;
  StepRecorder recorder_;
  DomainOrder order_of_step_;
  int domains_;
  DType dtype_;
  std::size_t pass_ = 0;                  ///< that runs
  std::vector<int> batches_;              ///< of each pass; kMean for the mean
  Buffer losses_;                         ///< one element of theta's type per pass
  Buffer norms_;                          ///< one f64 per pass
  std::array<PendingReport, 2> pending_;  ///< of the last two steps, in turns
  std::int64_t steps_ = 0;                ///< taken so far
};

}  // namespace dgsam
