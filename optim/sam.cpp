#include "optim/sam.h"

namespace dgsam {

Sam::Sam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, bool adaptive)
    : Method(backend, base, theta, fixed_order(domains), domains, /*passes=*/2),
      ascent_(backend, theta, rho, /*eps=*/0, adaptive),
      g_(backend, theta.shared_layout(), theta.dtype()),
      perturbed_(backend, theta.shared_layout(), theta.dtype()) {}

void Sam::run(FlatVector& theta, Gradient& gradient) {
  const Tensor norm = mean_pass(gradient, theta, g_);  // g = ∇L(θ)
  ascent_.step(theta, g_, norm, perturbed_);           // θ̃ = θ + ρ g/‖g‖
  mean_pass(gradient, perturbed_, g_);                 // d = ∇L(θ̃)
  base().update(theta, g_, 1.0);
}

}  // namespace dgsam
