// How much a loss grows at most within a ball around θ.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "optim/analysis/loss.h"

namespace dgsam {

/// Of projected gradient ascent.
struct AscentOptions {
  int steps = 5;     ///< per start; 0: the one-step value alone
  int restarts = 2;  ///< the first from where one step ends, the others from random points on the sphere
  std::uint64_t seed = 0;
};

/// Two lower bounds of max over ‖ε‖ <= radius of L(θ+ε) - L(θ).
struct LossIncrease {
  double radius = 0;
  double one_step = 0;    ///< L(θ + radius·g/‖g‖) - L(θ), g = ∇L(θ): what SAM takes for the maximum
  double multi_step = 0;  ///< the largest increase at any point visited; never below one_step
};

struct WorstCase {
  double loss = 0;                      ///< L(θ)
  std::vector<LossIncrease> increases;  ///< one per radius
};

/// Costs 1 + radii·restarts·steps gradients, and as many losses and one more per radius. Throws Error for radii that
/// are not positive and finite, for options that make no sense, and when the loss or its gradient is not finite.
WorstCase worst_case(Backend& backend, Loss& loss, const FlatVector& theta, std::span<const double> radii,
                     const AscentOptions& options);

}  // namespace dgsam
