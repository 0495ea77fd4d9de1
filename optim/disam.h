// DISAM: domain-inspired sharpness-aware minimisation (Zhang et al., ICLR 2024). The ascent climbs the mean loss less
// its variance over the domains, so that domains whose loss is low already are perturbed more, the others less.
#pragma once

#include "optim/method.h"

namespace dgsam {

class Disam : public Method {
 public:
  /// lambda: weight of the variance.
  Disam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, double lambda);
  std::string name() const override { return "disam"; }
  int domain_gradients() const override { return 2 * domains(); }

 protected:
  void run(FlatVector& theta, Gradient& gradient) override;

 private:
  double rho_, lambda_;
  FlatVector g_;
  FlatVector mean_;
  FlatVector weighted_;
  FlatVector perturbed_;
  Buffer loss_, mean_loss_, norm_;  ///< f64 each
};

}  // namespace dgsam
