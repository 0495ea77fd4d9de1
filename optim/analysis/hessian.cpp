#include "optim/analysis/hessian.h"

#include <algorithm>
#include <cmath>

#include "engine/core/check.h"
#include "optim/analysis/symmetric_eigen.h"

namespace dgsam {
namespace {

/// A new direction this small against the product is rounding: the space that the start can reach is exhausted.
constexpr double kExhausted = 1e-10;

/// Ritz vector: Σ_j coefficients[j]·basis[j], of length 1.
FlatVector combine(const Vectors& vectors, const std::vector<FlatVector>& basis, std::span<const double> coefficients) {
  FlatVector v = vectors.make();
  for (std::size_t j = 0; j < coefficients.size(); ++j) vectors.add(coefficients[j], basis[j], v);
  vectors.scale(1 / vectors.norm(v), v);
  return v;
}

/// alpha on the diagonal and beta beside it.
SymmetricEigen tridiagonal_eigen(const std::vector<double>& alpha, const std::vector<double>& beta) {
  const std::size_t n = alpha.size();
  std::vector<double> matrix(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    matrix[i * n + i] = alpha[i];
    if (i + 1 < n) matrix[i * n + i + 1] = matrix[(i + 1) * n + i] = beta[i];
  }
  return symmetric_eigen(std::move(matrix), n);
}

}  // namespace

HessianProduct::HessianProduct(Backend& backend, Loss& loss, const FlatVector& theta, double step)
    : vectors_(backend, theta),
      loss_(loss),
      theta_(theta),
      step_(step),
      point_(vectors_.make()),
      back_(vectors_.make()) {
  require(std::isfinite(step) && step > 0, "the step ", step, " of Hessian products is not a positive number");
}

void HessianProduct::with_step(double step, const FlatVector& v, FlatVector& out) {
  vectors_.copy(theta_, point_);
  vectors_.add(step, v, point_);
  loss_.gradient(point_, out);
  vectors_.copy(theta_, point_);
  vectors_.add(-step, v, point_);
  loss_.gradient(point_, back_);
  vectors_.backend().axpby(-0.5 / step, back_.all(), 0.5 / step, out.all());
}

double HessianProduct::with_error(const FlatVector& v, FlatVector& out) {
  FlatVector coarse = vectors_.make();
  with_step(2 * step_, v, coarse);
  with_step(step_, v, out);
  vectors_.add(-1, out, coarse);
  return vectors_.norm(coarse);
}

std::vector<Eigenvalue> largest_eigenvalues(HessianProduct& hessian, const LanczosOptions& options) {
  require(options.top >= 1 && options.steps >= options.top, "Lanczos with ", options.steps, " steps does not give ",
          options.top, " eigenvalues: from 1 to as many as it has steps");
  const Vectors& vectors = hessian.vectors();
  std::vector<FlatVector> basis;
  basis.push_back(vectors.make());
  vectors.draw_direction(RandomStream(options.seed, "lanczos"), basis[0]);
  const std::int64_t parameters = basis[0].layout().parameters();
  FlatVector product = vectors.make();

  std::vector<double> alpha, beta;
  SymmetricEigen ritz;
  std::size_t wanted = 0;
  while (true) {
    hessian(basis.back(), product);
    const double length = vectors.norm(product);
    require(std::isfinite(length), "a product with the Hessian is not finite: the gradient is not, near θ");
    alpha.push_back(vectors.dot(basis.back(), product));
    // Twice is enough for orthogonality to rounding (Kahan's remark in Parlett, The Symmetric Eigenvalue Problem, 6.9).
    for (int round = 0; round < 2; ++round) {
      for (const FlatVector& q : basis) vectors.add(-vectors.dot(q, product), q, product);
    }
    beta.push_back(vectors.norm(product));
    ritz = tridiagonal_eigen(alpha, beta);
    wanted = std::min(alpha.size(), static_cast<std::size_t>(options.top));

    const double scale = std::max(std::abs(ritz.values.front()), std::abs(ritz.values.back()));
    bool done = alpha.size() >= static_cast<std::size_t>(options.top);
    for (std::size_t i = 0; done && i < wanted; ++i) {
      done = beta.back() * std::abs(ritz.vector(i).back()) <= options.tolerance * scale;
    }
    const bool exhausted = static_cast<std::int64_t>(alpha.size()) == parameters || beta.back() <= kExhausted * length;
    if (done || exhausted || static_cast<int>(alpha.size()) == options.steps) break;
    basis.push_back(vectors.make());
    vectors.add(1 / beta.back(), product, basis.back());
  }

  std::vector<Eigenvalue> eigenvalues;
  for (std::size_t i = 0; i < wanted; ++i) {
    const FlatVector v = combine(vectors, basis, ritz.vector(i));
    Eigenvalue& eigenvalue = eigenvalues.emplace_back();
    eigenvalue.value = ritz.values[i];
    eigenvalue.error = hessian.with_error(v, product);
    vectors.add(-eigenvalue.value, v, product);
    eigenvalue.residual = vectors.norm(product);
  }
  return eigenvalues;
}

Trace hessian_trace(HessianProduct& hessian, int samples, std::uint64_t seed) {
  require(samples >= 1, "the trace takes 1 or more samples, not ", samples);
  const Vectors& vectors = hessian.vectors();
  FlatVector signs = vectors.make(), product = vectors.make();
  const auto parameters = static_cast<double>(signs.layout().parameters());
  double sum = 0, squares = 0;
  std::vector<double> estimates;
  for (int sample = 0; sample < samples; ++sample) {
    vectors.draw_signs(RandomStream(seed, "trace", static_cast<std::uint64_t>(sample)), signs);
    hessian(signs, product);
    estimates.push_back(parameters * vectors.dot(signs, product));
    sum += estimates.back();
  }
  Trace trace{.mean = sum / samples, .standard_error = 0};
  for (const double estimate : estimates) squares += (estimate - trace.mean) * (estimate - trace.mean);
  if (samples > 1) trace.standard_error = std::sqrt(squares / (samples - 1) / samples);
  return trace;
}

}  // namespace dgsam
