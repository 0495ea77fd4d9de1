// The curvature of a loss: products with its Hessian, its largest eigenvalues, its trace.
#pragma once

#include <cstdint>
#include <vector>

#include "optim/analysis/loss.h"
#include "optim/analysis/vectors.h"

namespace dgsam {

/// H v by central differences of gradients. A ReLU network's loss is smooth but for kinks, and for small steps this is
/// the Hessian beside them, which double backward gives too.
class HessianProduct {
 public:
  /// `step`: h below, a length in the space of θ; see default_step(). Throws Error unless it is positive and finite.
  HessianProduct(Backend& backend, Loss& loss, const FlatVector& theta, double step);

  /// out = (∇L(θ + h v) - ∇L(θ - h v)) / 2h, for v of length 1. The error is h²/6 times the third derivative along v
  /// plus the rounding of gradients over h.
  void operator()(const FlatVector& v, FlatVector& out) { with_step(step_, v, out); }
  /// The same, and an estimate of its error: ‖H v by step h - H v by step 2h‖. That is about three times what the third
  /// derivative does, or about what rounding does if that is more.
  double with_error(const FlatVector& v, FlatVector& out);

  const Vectors& vectors() const { return vectors_; }
  double step() const { return step_; }

  /// For parameters of that type: 1e-8 in f64, so short that hardly a unit of a ReLU network switches within it, and
  /// 1e-2 in f32, where rounding asks for more.
  static double default_step(DType dtype) { return dtype == DType::f64 ? 1e-8 : 1e-2; }

 private:
  void with_step(double step, const FlatVector& v, FlatVector& out);

  Vectors vectors_;
  Loss& loss_;
  const FlatVector& theta_;
  double step_;
  FlatVector point_, back_;
};

struct Eigenvalue {
  double value = 0;
  double residual = 0;  ///< ‖H v - λ v‖ for the vector of length 1 found with it: some eigenvalue is that near
  double error = 0;     ///< HessianProduct::with_error() of that vector
};

struct LanczosOptions {
  int top = 3;              ///< eigenvalues wanted
  int steps = 20;           ///< at most; each costs one product, and one vector of memory
  double tolerance = 1e-3;  ///< ends earlier when every wanted residual is below this times the largest |λ|
  std::uint64_t seed = 0;
};

/// The `top` largest eigenvalues (as numbers, not by magnitude), largest first, by Lanczos with full
/// reorthogonalisation from a random start; fewer when θ has fewer parameters or the start lies in fewer eigenvectors.
/// An eigenvalue that occurs several times is found once. Costs steps + 2·top products. Throws Error for options
/// that make no sense and products that are not finite.
std::vector<Eigenvalue> largest_eigenvalues(HessianProduct& hessian, const LanczosOptions& options);

struct Trace {
  double mean = 0;
  double standard_error = 0;  ///< of the mean over the samples; 0 for a single one
};

/// tr H = E[zᵀHz] for z of independent random signs (Hutchinson), from `samples` products.
Trace hessian_trace(HessianProduct& hessian, int samples, std::uint64_t seed);

}  // namespace dgsam
