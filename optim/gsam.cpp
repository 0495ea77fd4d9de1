#include "optim/gsam.h"

namespace dgsam {

Gsam::Gsam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, double alpha)
    : Method(backend, base, theta, fixed_order(domains), domains, /*passes=*/2),
      rho_(rho),
      alpha_(alpha),
      g_(backend, theta.shared_layout(), theta.dtype()),
      g_p_(backend, theta.shared_layout(), theta.dtype()),
      perturbed_(backend, theta.shared_layout(), theta.dtype()),
      dot_(backend, sizeof(double)) {}

// The learning rate is constant, and so is the radius that the authors tie to it.
void Gsam::run(FlatVector& theta, Gradient& gradient) {
  const Tensor dot{dot_.data(), {DType::f64, {}, Layout::dense}};
  const Tensor norm = mean_pass(gradient, theta, g_);                                 // g = ∇L(θ)
  backend().ascend(theta.all(), g_.all(), norm, rho_, kAscentEps, perturbed_.all());  // θ̃ = θ + ρ g/‖g‖
  const Tensor norm_p = mean_pass(gradient, perturbed_, g_p_);                        // g_p = ∇L(θ̃)
  backend().dot_product(g_.all(), g_p_.all(), dot);
  backend().reject(g_.all(), g_p_.all(), dot, norm_p, g_.all());  // g⊥ = g - ‖g‖ cos(g, g_p) g_p/‖g_p‖
  backend().axpby(-alpha_, g_.all(), 1, g_p_.all());              // d = g_p - α g⊥
  base().update(theta, g_p_, 1.0);
}

}  // namespace dgsam
