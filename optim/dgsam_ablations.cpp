#include "optim/dgsam_ablations.h"

#include <utility>

#include "engine/core/check.h"

namespace dgsam {
namespace {

int passes_of(DgsamGradients gradients, int domains) {
  return gradients == DgsamGradients::fresh ? 2 * domains : domains + 1;
}

int first_descending_of(DgsamGradients gradients, int domains) {
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

AblatedDgsam::AblatedDgsam(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double rho,
                           DomainOrder order, DgsamGradients gradients, DgsamScale scale, bool adaptive)
    : Method(backend, base, theta, std::move(order), domains, passes_of(gradients, domains)),
      ascent_(backend, theta, rho, kAscentEps, adaptive),
      passes_(passes_of(gradients, domains)),
      first_descending_(first_descending_of(gradients, domains)),
      scale_((scale == DgsamScale::sum ? domains : 1.0) / (passes_ - first_descending_ + 1)),
      g_(backend, theta.shared_layout(), theta.dtype()),
      d_(backend, theta.shared_layout(), theta.dtype()),
      perturbed_(backend, theta.shared_layout(), theta.dtype()) {}

// As Dgsam::run(). The first gradient that descends is taken straight into the sum: a pass over all parameters less.
void AblatedDgsam::run(FlatVector& theta, Gradient& gradient) {
  const int S = domains();
  const FlatVector* at = &theta;
  for (int j = 1; j <= passes_; ++j) {
    FlatVector& g = j == first_descending_ ? d_ : g_;
    const Tensor norm = pass(gradient, (j - 1) % S, *at, g);
    if (j <= S) {
      ascent_.step(*at, g, norm, perturbed_);
      at = &perturbed_;
    }
    if (j > first_descending_) backend().axpby(1, g.all(), 1, d_.all());
  }
  base().update(theta, d_, scale_);
}

}  // namespace dgsam
