#include "optim/sagm.h"

namespace dgsam {

Sagm::Sagm(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, double alpha)
    : Method(backend, base, theta, fixed_order(domains), domains, /*passes=*/2),
      rho_(rho),
      alpha_(alpha),
      g_(backend, theta.shared_layout(), theta.dtype()),
      g_p_(backend, theta.shared_layout(), theta.dtype()),
      perturbed_(backend, theta.shared_layout(), theta.dtype()) {}

// The authors' code. Their paper's objective is L(θ) + L(θ + ρ g/‖g‖ - α g), which is twice as steep.
void Sagm::run(FlatVector& theta, Gradient& gradient) {
  const Tensor norm = mean_pass(gradient, theta, g_);                                 // g = ∇L(θ)
  backend().ascend(theta.all(), g_.all(), norm, rho_, kAscentEps, perturbed_.all());  // θ̃ = θ + ρ g/‖g‖
  backend().axpby(-alpha_, g_.all(), 1, perturbed_.all());                            //     - α g
  mean_pass(gradient, perturbed_, g_p_);                                              // g_p = ∇L(θ̃)
  backend().axpby(1, g_.all(), 1, g_p_.all());                                        // g + g_p
  base().update(theta, g_p_, 0.5);                                                    // d = (g + g_p)/2
}

}  // namespace dgsam
