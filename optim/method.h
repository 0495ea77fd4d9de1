// Method: a training algorithm, as one step over a Gradient and a base optimizer.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/core/flat_vector.h"
#include "optim/base_optimizer.h"
#include "optim/gradient.h"

namespace dgsam {

/// What a step saw, one entry per pass in the order of the passes.
struct StepReport {
  std::vector<double> losses;  ///< at the point where the pass took its gradient
  std::vector<double> norms;   ///< ‖g‖ of the pass's gradient
  std::vector<int> domains;    ///< whose batch it was; kMean for the mean over all batches
  static constexpr int kMean = -1;
};

/// Throws Error that names the step, the pass, the domain and the quantity unless all losses and norms are finite.
/// domain_names[d] is the name of domain d.
void require_finite(const StepReport& report, std::int64_t step, const std::vector<std::string>& domain_names);

/// The order in which a step visits the domains: a permutation of 0..S-1, a pure function of the step.
using DomainOrder = std::function<std::vector<int>(std::int64_t step)>;
/// A uniformly random permutation, drawn from (seed, step).
DomainOrder random_order(int domains, std::uint64_t seed);
/// 0, 1, ..., S-1 in every step.
DomainOrder fixed_order(int domains);

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

  /// Whether the device part of a step, done once, is recorded and then replayed, where the backend can record: the
  /// same operations at a fraction of the host's work. On from the start.
  void set_recording(bool on);
  /// Kernels, copies and fills of a recorded step; 0 while none is recorded.
  std::int64_t recorded_launches() const { return recording_ ? recording_->launches() : 0; }

  /// What the last step saw, or, with `steps_ago` 1, the one before: a loop that asks for that one after each step
  /// leaves the device something to do meanwhile. Waits for that step, not for later ones.
  StepReport report(int steps_ago = 0) const;

 protected:
  /// Vectors of the method are made like `theta`. The backend and the optimizer must outlive the method.
  Method(Backend& backend, BaseOptimizer& base, const FlatVector& theta, DomainOrder order, int domains, int passes);

  /// The device part of a step: the same operations on the same addresses in every step, so that it can be recorded.
  /// Passes and updates only; whatever else it keeps on the host must not change after the first step.
  virtual void run(const FlatVector& theta, Gradient& gradient) = 0;

  /// g = gradient of batch j at `at`, with its loss and norm kept for the report. Returns the norm, f64[] on the
  /// device.
  Tensor pass(Gradient& gradient, int j, const FlatVector& at, const FlatVector& g);
  /// The same over all batches.
  Tensor mean_pass(Gradient& gradient, const FlatVector& at, const FlatVector& g);

  Backend& backend() const { return *backend_; }
  BaseOptimizer& base() const { return *base_; }
  int domains() const { return domains_; }

 private:
  /// What one step leaves for report(). Two take turns.
  struct Seen {
    std::unique_ptr<ReadBack> losses, norms;
    std::vector<int> order;
  };

  /// run(), or its recording.
  void run_or_replay(const FlatVector& theta, Gradient& gradient);
  Tensor loss_slot() const;
  Tensor end_pass(int batch, const FlatVector& g);

  Backend* backend_;
  BaseOptimizer* base_;
  DomainOrder order_of_step_;
  int domains_;
  DType dtype_;
  std::vector<int> batches_;  ///< of the passes so far; kMean for the mean
  Buffer losses_;             ///< one element of theta's type per pass
  Buffer norms_;              ///< one f64 per pass
  std::array<Seen, 2> seen_;
  std::int64_t steps_ = 0;  ///< taken so far

  bool records_ = true;
  std::unique_ptr<Recording> recording_;
  const void* recorded_theta_ = nullptr;  ///< what the last step, recorded or not, worked on
  const Gradient* recorded_gradient_ = nullptr;
};

/// Which gradients DGSAM descends with. g_1..g_S are those of the ascent, g_{S+1} is the first domain's at the end of
/// it.
enum class DgsamGradients : std::uint8_t {
  all,        ///< g_1..g_{S+1}, divided by S+1
  perturbed,  ///< g_2..g_{S+1}, divided by S: without the one at θ
  fresh,      ///< S new ones at the end of the ascent, divided by S: no reuse, 2S gradients per step
};

/// The size of DGSAM's descent gradient: that of a sum of S domain losses or that of their mean.
enum class DgsamScale : std::uint8_t { sum, mean };

struct MethodOptions {
  std::string name = "dgsam";  ///< "erm", "sam", "gsam", "sagm" or "dgsam"
  double rho = 0.05;           ///< length of the ascent step, or of each of DGSAM's S
  DgsamGradients gradients = DgsamGradients::all;
  DgsamScale scale = DgsamScale::sum;
  DomainOrder order;          ///< of DGSAM's ascent: random_order() or fixed_order()
  double gsam_alpha = 0.2;    ///< default of the authors' PyTorch example
  double sagm_alpha = 0.001;  ///< the authors' choice for PACS, VLCS and TerraIncognita; 0.0005 for the others
};

/// Throws Error for an unknown name, a negative rho or alpha, or DGSAM without an order.
std::unique_ptr<Method> make_method(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains,
                                    const MethodOptions& options);

}  // namespace dgsam
