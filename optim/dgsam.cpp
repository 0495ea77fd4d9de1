#include "optim/dgsam.h"

#include "engine/core/check.h"

namespace dgsam {
namespace {

int passes_of(DgsamGradients gradients, int domains) {
  return gradients == DgsamGradients::fresh ? 2 * domains : domains + 1;
}

int first_used_of(DgsamGradients gradients, int domains) {
  switch (gradients) {
    case DgsamGradients::all:
      return 1;
    case DgsamGradients::perturbed:
      return 2;
    case DgsamGradients::fresh:
      return domains + 1;
  }
  fail("unknown choice of DGSAM gradients");
}

}  // namespace

Dgsam::Dgsam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, const MethodOptions& options)
    : Method(backend, base, theta, options.order, domains, passes_of(options.gradients, domains)),
      rho_(options.rho),
      passes_(passes_of(options.gradients, domains)),
      first_used_(first_used_of(options.gradients, domains)),
      scale_((options.scale == DgsamScale::sum ? domains : 1.0) / (passes_ - first_used_ + 1)),
      g_(backend, theta.shared_layout(), theta.dtype()),
      d_(backend, theta.shared_layout(), theta.dtype()),
      perturbed_(backend, theta.shared_layout(), theta.dtype()) {}

// Algorithm 1. Batch j is that of the j-th domain of this step's order, counted from 0; the first one comes again after
// the last. The first gradient that descends is taken straight into the sum: a pass over all parameters less.
void Dgsam::run(const FlatVector& theta, Gradient& gradient) {
  const int S = domains();
  const FlatVector* at = &theta;  // θ̃_0 = θ
  for (int j = 1; j <= passes_; ++j) {
    const FlatVector& g = j == first_used_ ? d_ : g_;
    const Tensor norm = pass(gradient, (j - 1) % S, *at, g);  // g_j = ∇L_{l_j}(θ̃_{j-1})
    if (j <= S) {
      backend().ascend(at->all(), g.all(), norm, rho_, kAscentEps, perturbed_.all());  // θ̃_j = θ̃_{j-1} + ρ g_j/‖g_j‖
      at = &perturbed_;
    }
    if (j > first_used_) backend().axpby(1, g.all(), 1, d_.all());  // d = Σ g_j
  }
  base().update(theta, d_, scale_);  // θ ← base(θ, S/(S+1) d)
}

}  // namespace dgsam
