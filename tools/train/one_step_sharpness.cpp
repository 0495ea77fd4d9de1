#include "tools/train/one_step_sharpness.h"

#include "optim/analysis/worst_case.h"

namespace dgsam {

Sharpness one_step_sharpness(Backend& backend, DomainLosses& losses, const std::vector<std::size_t>& sources,
                             const FlatVector& theta, double rho) {
  Sharpness sharpness{std::vector<double>(losses.size(), 0.0), 0};
  if (rho == 0) return sharpness;
  const std::vector<double> radius{rho};
  const auto one_step = [&](Loss& loss) {
    return worst_case(backend, loss, theta, radius, {.steps = 0}).increases[0].one_step;
  };
  for (std::size_t i = 0; i < losses.size(); ++i) sharpness.domains[i] = one_step(losses[i]);
  MeanLoss total = losses.mean_of(sources);
  sharpness.total = one_step(total);
  return sharpness;
}

}  // namespace dgsam
