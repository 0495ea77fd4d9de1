// StepReport: what a training step saw on its way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace dgsam {

/// One entry per pass, in the order of the passes.
struct StepReport {
  std::vector<double> losses;  ///< at the point where the pass took its gradient
  std::vector<double> norms;   ///< ‖g‖ of the pass's gradient
  std::vector<int> domains;    ///< whose batch it was; kMean for the mean over all batches
  static constexpr int kMean = -1;
};

/// Throws Error that names the step, the pass, the domain and the quantity unless all losses and norms are finite.
/// domain_names[d] is the name of domain d.
void require_finite(const StepReport& report, std::int64_t step, const std::vector<std::string>& domain_names);

/// A step's report on its way from the device: copies that were queued behind the step.
class PendingReport {
 public:
  /// For steps of `passes` passes on a θ of type `dtype`.
  PendingReport(Backend& backend, int passes, DType dtype);

  /// Queues the copies of `losses`, one of θ's type per pass, and `norms`, one f64 per pass. Pass p worked on batch
  /// batches[p], which is the one of domain order[batches[p]], or on the mean over all (StepReport::kMean).
  void start(ConstTensor losses, ConstTensor norms, std::vector<int> batches, std::vector<int> order);
  /// Waits for these copies, not for what was queued later.
  StepReport wait() const;

 private:
  DType dtype_;
  std::unique_ptr<ReadBack> losses_, norms_;
  std::vector<int> batches_, order_;
};

}  // namespace dgsam
