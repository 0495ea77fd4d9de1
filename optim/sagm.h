// SAGM: sharpness-aware gradient matching (Wang et al., CVPR 2023), on the mean loss of all domains.
#pragma once

#include "optim/method.h"

namespace dgsam {

class Sagm : public Method {
 public:
  /// alpha: how far the perturbed point goes down the gradient while it goes up by rho.
  Sagm(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, double alpha);
  std::string name() const override { return "sagm"; }
  int domain_gradients() const override { return 2 * domains(); }

 protected:
  void run(FlatVector& theta, Gradient& gradient) override;

 private:
  double rho_, alpha_;
  FlatVector g_;
  FlatVector g_p_;
  FlatVector perturbed_;
};

}  // namespace dgsam
