// DGSAM: decreased-overhead gradual sharpness-aware minimisation (arXiv 2503.23430, Algorithm 1).
#pragma once

#include "optim/method.h"

namespace dgsam {

class Dgsam : public Method {
 public:
  Dgsam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, const MethodOptions& options);
  std::string name() const override { return "dgsam"; }
  int domain_gradients() const override { return passes_; }

 protected:
  void run(const FlatVector& theta, Gradient& gradient) override;

 private:
  double rho_;
  int passes_;      ///< S+1, or 2S without reuse
  int first_used_;  ///< the pass from which on gradients descend
  double scale_;    ///< of their sum
  FlatVector g_;
  FlatVector d_;
  FlatVector perturbed_;
};

}  // namespace dgsam
