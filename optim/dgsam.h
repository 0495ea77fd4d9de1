// DGSAM: decreased-overhead gradual sharpness-aware minimisation (arXiv 2503.23430, Algorithm 1).
#pragma once

#include "optim/ascent.h"
#include "optim/method.h"

namespace dgsam {

class Dgsam : public Method {
 public:
  /// rho, adaptive: of each of the ascent's S steps. order: of the domains in the ascent.
  Dgsam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, DomainOrder order,
        bool adaptive = false);
  std::string name() const override { return "dgsam"; }
  int domain_gradients() const override { return domains() + 1; }

 protected:
  void run(FlatVector& theta, Gradient& gradient) override;

 private:
  Ascent ascent_;
  FlatVector g_;
  FlatVector d_;
  FlatVector perturbed_;
};

}  // namespace dgsam
