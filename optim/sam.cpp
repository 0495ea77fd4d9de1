#include "optim/sam.h"

namespace dgsam {

Sam::Sam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho)
    : Method(backend, base, theta, fixed_order(domains), domains, /*passes=*/2),
      rho_(rho),
      g_(backend, theta.shared_layout(), theta.dtype()),
      perturbed_(backend, theta.shared_layout(), theta.dtype()) {}

void Sam::run(FlatVector& theta, Gradient& gradient) {
  const Tensor norm = mean_pass(gradient, theta, g_);                                // g = ∇L(θ)
  backend().ascend(theta.all(), g_.all(), norm, rho_, /*eps=*/0, perturbed_.all());  // θ̃ = θ + ρ g/‖g‖
  mean_pass(gradient, perturbed_, g_);                                               // d = ∇L(θ̃)
  base().update(theta, g_, 1.0);
}

}  // namespace dgsam
