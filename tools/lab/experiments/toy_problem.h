// The toy problem: two domains over two parameters whose mean loss has a fake flat minimum and a truly flat one.
//
//     total      T(u,v) = (u² - 1)²/8 + v²/2                minima at (-1, 0) and (1, 0)
//     difference D(u,v) = k x v exp(-(r²/s²)³),             x = u + 1, r² = x² + v², k = 8, s = 1.2
//     domain 1   L_1 = T + D        domain 2   L_2 = T - D
//
// The mean of the domains is T, mirror-symmetric in u: both minima have depth 0 and the Hessian diag(1, 1), so nothing
// that sees the mean alone can tell them apart. At the fake one, (-1, 0), each domain has the curvatures 1 + k and
// 1 - k along the diagonals, in exchanged roles: sharp, and cancelling. Curvatures of two domains that cancel in a flat
// mean must have opposite signs, so the fake minimum is a saddle of each. At the flat one, (1, 0), D has died away
// (below 1e-8) and each domain is as flat as the mean.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "engine/backend.h"
#include "engine/core/flat_vector.h"
#include "optim/gradient.h"

namespace dgsam {

/// θ = (u, v).
struct ToyPoint {
  double u = 0, v = 0;
};

inline constexpr int kToyDomains = 2;
inline constexpr double kToyDifference = 8;  ///< k
inline constexpr double kToyReach = 1.2;     ///< s
inline constexpr ToyPoint kFakeMinimum{-1, 0};
inline constexpr ToyPoint kFlatMinimum{1, 0};

/// A loss and its gradient at a point.
struct ToyLoss {
  double loss = 0;
  ToyPoint gradient;
};

/// Of domain 0 or 1.
ToyLoss toy_domain(int domain, ToyPoint at);
/// Of the total, the mean of the two domains as they are evaluated: D cancels to rounding.
ToyLoss toy_total(ToyPoint at);

/// Eigenvalues of a loss's Hessian at `at`, ascending, from central differences of the gradient (error below 1e-6 where
/// |u| and |v| are at most 2). `domain` is 0, 1, or -1 for the total.
std::array<double, 2> toy_curvatures(int domain, ToyPoint at);

/// The problem as training methods see it. θ is one segment of two f64 elements.
class ToyGradient : public Gradient {
 public:
  /// The backend must outlive it.
  explicit ToyGradient(Backend& backend) : backend_(&backend) {}

  static std::shared_ptr<const FlatLayout> layout();
  static ToyPoint read(Backend& backend, const FlatVector& vector);
  static void write(Backend& backend, FlatVector& vector, ToyPoint values);

  int domains() const override { return kToyDomains; }
  void begin_step(std::int64_t step, std::span<const int> order) override;
  void of_batch(int j, const FlatVector& theta, FlatVector& g, Tensor loss) override;
  void of_mean(const FlatVector& theta, FlatVector& g, Tensor loss) override;

 private:
  void write(const ToyLoss& value, FlatVector& g, Tensor loss) const;

  Backend* backend_;
  std::vector<int> order_;
};

}  // namespace dgsam
