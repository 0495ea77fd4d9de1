// One-step sharpness: how much the loss grows in the direction in which it grows fastest at first.
#pragma once

#include <vector>

#include "tools/evaluation.h"

namespace dgsam {

/// L(θ + ρ g/‖g‖) - L(θ) with g = ∇L(θ), the SAM approximation of max over ‖ε‖ <= ρ of L(θ + ε) - L(θ), over the same
/// images in all three places.
struct Sharpness {
  std::vector<double> domains;  ///< per domain of the data set: the individual sharpness
  double total = 0;             ///< of the mean loss of the source domains
};

/// `parts` holds, per domain, the images to measure on; each is cut to a multiple of the batch that the smallest one
/// allows (at most options.batch). `sources` are the domains of the total. Batch norm uses its running statistics.
Sharpness one_step_sharpness(Backend& backend, const ModelSpec& model, NetworkOptions options,
                             const std::shared_ptr<Arena>& arena, const RunImages& images,
                             std::vector<DomainIndices> parts, const std::vector<int>& sources, const FlatVector& theta,
                             const FlatVector& statistics, double rho);

}  // namespace dgsam
