// ERM: empirical risk minimisation, one gradient of the mean loss per step.
#pragma once

#include "optim/method.h"

namespace dgsam {

class Erm : public Method {
 public:
  Erm(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains);
  std::string name() const override { return "erm"; }
  int domain_gradients() const override { return domains(); }

 protected:
  void run(FlatVector& theta, Gradient& gradient) override;

 private:
  FlatVector g_;
};

}  // namespace dgsam
