#include "optim/disam.h"

namespace dgsam {

Disam::Disam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho, double lambda)
    : Method(backend, base, theta, fixed_order(domains), domains, /*passes=*/domains + 1),
      rho_(rho),
      lambda_(lambda),
      g_(backend, theta.shared_layout(), theta.dtype()),
      mean_(backend, theta.shared_layout(), theta.dtype()),
      weighted_(backend, theta.shared_layout(), theta.dtype()),
      perturbed_(backend, theta.shared_layout(), theta.dtype()),
      loss_(backend, sizeof(double)),
      mean_loss_(backend, sizeof(double)),
      norm_(backend, sizeof(double)) {}

// L̄ = 1/S Σ L_j. The gradient of L̄ - λ/S Σ (L_j - L̄)² is that of the mean loss with another weight for each domain,
//   1/S Σ [1 - 2λ (L_j - L̄)] g_j = ḡ + 2λ (L̄ ḡ - 1/S Σ L_j g_j),
// because Σ (L_j - L̄) = 0. The right side needs no gradient once its pass is over, and no loss before it.
void Disam::run(FlatVector& theta, Gradient& gradient) {
  const int S = domains();
  const Type number{DType::f64, {}, Layout::dense};
  const Tensor loss{loss_.data(), number}, mean_loss{mean_loss_.data(), number}, norm{norm_.data(), number};
  backend().fill(weighted_.all(), 0);
  for (int j = 0; j < S; ++j) {
    pass(gradient, j, theta, g_);                                     // g_j = ∇L_j(θ)
    backend().cast(last_loss(), loss);                                // L_j
    backend().axpby(1.0 / S, loss, j == 0 ? 0 : 1, mean_loss);        // L̄
    backend().axpby(1.0 / S, g_.all(), j == 0 ? 0 : 1, mean_.all());  // ḡ
    backend().add_scaled(1.0 / S, loss, g_.all(), weighted_.all());   // 1/S Σ L_j g_j
  }
  backend().axpby(1, mean_.all(), -2 * lambda_, weighted_.all());
  backend().add_scaled(2 * lambda_, mean_loss, mean_.all(), weighted_.all());  // a = ḡ + 2λ (L̄ ḡ - 1/S Σ L_j g_j)
  backend().norm(weighted_.all(), norm);
  backend().ascend(theta.all(), weighted_.all(), norm, rho_, kAscentEps, perturbed_.all());  // θ̃ = θ + ρ a/‖a‖
  mean_pass(gradient, perturbed_, g_);                                                       // d = ∇L(θ̃)
  base().update(theta, g_, 1.0);
}

}  // namespace dgsam
