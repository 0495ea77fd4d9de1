// SAM: sharpness-aware minimisation (Foret et al., ICLR 2021), on the mean loss of all domains.
#pragma once

#include "optim/ascent.h"
#include "optim/method.h"

namespace dgsam {

class Sam : public Method {
 public:
  /// rho, adaptive: of the ascent.
  Sam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, bool adaptive = false);
  std::string name() const override { return "sam"; }
  int domain_gradients() const override { return 2 * domains(); }

 protected:
  void run(FlatVector& theta, Gradient& gradient) override;

 private:
  Ascent ascent_;
  FlatVector g_;
  FlatVector perturbed_;
};

}  // namespace dgsam
