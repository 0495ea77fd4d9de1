// One-step sharpness: how much the loss grows in the direction in which it grows fastest at first.
#pragma once

#include <vector>

#include "tools/train/domain_losses.h"

namespace dgsam {

/// L(θ + ρ g/‖g‖) - L(θ) with g = ∇L(θ), the SAM approximation of max over ‖ε‖ <= ρ of L(θ + ε) - L(θ), over the same
/// images in all three places. All zero for ρ = 0.
struct Sharpness {
  std::vector<double> domains;  ///< per loss: the individual sharpness
  double total = 0;             ///< of the mean loss of the sources
};

/// `sources`: indices of the losses of the total.
Sharpness one_step_sharpness(Backend& backend, DomainLosses& losses, const std::vector<std::size_t>& sources,
                             const FlatVector& theta, double rho);

}  // namespace dgsam
