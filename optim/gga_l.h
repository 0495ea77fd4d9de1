// GGA-L: gradient-guided annealing by noise in the update (Ballas and Diou, arXiv 2502.20162, supplement).
#pragma once

#include <array>
#include <cstdint>

#include "optim/method.h"

namespace dgsam {

class GgaL : public Method {
 public:
  /// gamma: the noise's standard deviation where the domains' gradients are orthogonal. seed: of the noise. Throws
  /// Error for fewer than two domains, which have no gradients to compare.
  GgaL(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double gamma, std::uint64_t seed);
  std::string name() const override { return "gga-l"; }
  int domain_gradients() const override { return domains(); }

 protected:
  void begin(std::int64_t step) override;
  void run(FlatVector& theta, Gradient& gradient) override;

 private:
  double gamma_;
  std::array<std::int64_t, kStepCounters> host_counters_;
  FlatVector g_;
  FlatVector d_;
  FlatVector units_;  ///< the sum of the gradients' directions, then the noise
  Buffer counters_;   ///< i64[kStepCounters]
  Buffer square_;     ///< f64: ‖Σ g_j/‖g_j‖‖²
  Buffer conflict_;   ///< f64: 1 - the mean cosine
};

}  // namespace dgsam
