#include "optim/erm.h"

namespace dgsam {

Erm::Erm(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains)
    : Method(backend, base, theta, fixed_order(domains), domains, /*passes=*/1),
      g_(backend, theta.shared_layout(), theta.dtype()) {}

void Erm::run(FlatVector& theta, Gradient& gradient) {
  mean_pass(gradient, theta, g_);
  base().update(theta, g_, 1.0);
}

}  // namespace dgsam
