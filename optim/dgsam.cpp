#include "optim/dgsam.h"

#include <utility>

namespace dgsam {

Dgsam::Dgsam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, DomainOrder order,
             bool adaptive)
    : Method(backend, base, theta, std::move(order), domains, /*passes=*/domains + 1),
      ascent_(backend, theta, rho, kAscentEps, adaptive),
      g_(backend, theta.shared_layout(), theta.dtype()),
      d_(backend, theta.shared_layout(), theta.dtype()),
      perturbed_(backend, theta.shared_layout(), theta.dtype()) {}

// Algorithm 1. l_1, ..., l_S is the step's order of the domains, and l_{S+1} = l_1. Batch j is that of l_{j+1}.
void Dgsam::run(FlatVector& theta, Gradient& gradient) {
  const int S = domains();
  Tensor norm = pass(gradient, 0, theta, d_);  // d = g_1 = ∇L_{l_1}(θ)
  ascent_.step(theta, d_, norm, perturbed_);   // θ̃_1 = θ + ρ g_1/‖g_1‖
  for (int j = 2; j <= S + 1; ++j) {
    norm = pass(gradient, (j - 1) % S, perturbed_, g_);          // g_j = ∇L_{l_j}(θ̃_{j-1})
    if (j <= S) ascent_.step(perturbed_, g_, norm, perturbed_);  // θ̃_j = θ̃_{j-1} + ρ g_j/‖g_j‖
    backend().axpby(1, g_.all(), 1, d_.all());                   // d = g_1 + ... + g_j
  }
  base().update(theta, d_, S / (S + 1.0));  // θ ← base(θ, S/(S+1) d)
}

}  // namespace dgsam
