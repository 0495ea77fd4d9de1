#include "optim/gga_l.h"

#include "engine/core/check.h"

namespace dgsam {

GgaL::GgaL(Backend& backend, BaseOptimizer& base, const FlatVector& theta, int domains, double gamma,
           std::uint64_t seed)
    : Method(backend, base, theta, fixed_order(domains), domains, /*passes=*/domains),
      gamma_(gamma),
      host_counters_{static_cast<std::int64_t>(seed), 0, 0},
      g_(backend, theta.shared_layout(), theta.dtype()),
      d_(backend, theta.shared_layout(), theta.dtype()),
      units_(backend, theta.shared_layout(), theta.dtype()),
      counters_(backend, kStepCounters * sizeof(std::int64_t)),
      square_(backend, sizeof(double)),
      conflict_(backend, sizeof(double)) {
  require(domains >= 2, "--algorithm gga-l compares the gradients of domains: it needs two source domains, not ",
          domains);
}

void GgaL::begin(std::int64_t step) {
  host_counters_[kCounterStep] = step;
  backend().upload({counters_.data(), {DType::i64, {kStepCounters}, Layout::dense}}, host_counters_.data());
}

// With u = Σ g_j/‖g_j‖, ‖u‖² = S + the cosines of all ordered pairs: no gradient needs to be kept for the mean cosine,
//   c = (‖u‖² - S)/(S (S - 1)),   1 - c = S/(S - 1) - ‖u‖²/(S (S - 1)).
void GgaL::run(FlatVector& theta, Gradient& gradient) {
  const int S = domains();
  const Type number{DType::f64, {}, Layout::dense};
  const Tensor square{square_.data(), number}, conflict{conflict_.data(), number};
  const ConstTensor counters = Tensor{counters_.data(), {DType::i64, {kStepCounters}, Layout::dense}};
  backend().fill(units_.all(), 0);
  for (int j = 0; j < S; ++j) {
    const Tensor norm = pass(gradient, j, theta, g_);                            // g_j = ∇L_j(θ)
    backend().axpby(1.0 / S, g_.all(), j == 0 ? 0 : 1, d_.all());                // d = 1/S Σ g_j
    backend().ascend(units_.all(), g_.all(), norm, 1, /*eps=*/0, units_.all());  // u = Σ g_j/‖g_j‖
  }
  backend().dot_product(units_.all(), units_.all(), square);
  backend().fill(conflict, S / (S - 1.0));
  backend().axpby(-1 / (S * (S - 1.0)), square, 1, conflict);  // 1 - c
  for (const FlatLayout::Segment& segment : units_.layout().segments())
    backend().fill_normal(counters, segment.offset, units_.segment(segment));  // ξ, none in the gaps
  backend().add_scaled(gamma_, conflict, units_.all(), d_.all());              // d = 1/S Σ g_j + γ (1 - c) ξ
  base().update(theta, d_, 1.0);
}

}  // namespace dgsam
