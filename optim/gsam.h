// GSAM: surrogate gap guided sharpness-aware minimisation (Zhuang et al., ICLR 2022), on the mean loss of all domains.
#pragma once

#include "optim/method.h"

namespace dgsam {

class Gsam : public Method {
 public:
  /// alpha: weight of the surrogate gap's gradient.
  Gsam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, double alpha);
  std::string name() const override { return "gsam"; }
  int domain_gradients() const override { return 2 * domains(); }

 protected:
  void run(FlatVector& theta, Gradient& gradient) override;

 private:
  double rho_, alpha_;
  FlatVector g_;
  FlatVector g_p_;
  FlatVector perturbed_;
  Buffer dot_;  ///< f64: <g, g_p>
};

}  // namespace dgsam
