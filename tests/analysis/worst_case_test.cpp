#include "optim/analysis/worst_case.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/analysis/analysis_support.h"
#include "tests/temporary_folder.h"

namespace dgsam {
namespace {

/// max over ‖ε‖ <= radius of gᵀε + 1/2 Σ λ_i ε_i²: ε_i = g_i/(μ - λ_i) with the μ > λ_max that makes its length the
/// radius (Moré & Sorensen 1983). Some λ is positive.
double closed_form(const Vector& eigenvalues, const Vector& g, double radius) {
  const auto length = [&](double mu) {
    double squares = 0;
    for (std::size_t i = 0; i < g.size(); ++i) squares += std::pow(g[i] / (mu - eigenvalues[i]), 2);
    return std::sqrt(squares);
  };
  double low = eigenvalues[0], high = eigenvalues[0] + 1e6;
  for (int i = 0; i < 200; ++i) (length((low + high) / 2) > radius ? low : high) = (low + high) / 2;
  double sum = 0;
  for (std::size_t i = 0; i < g.size(); ++i) {
    const double e = g[i] / (high - eigenvalues[i]);
    sum += g[i] * e + 0.5 * eigenvalues[i] * e * e;
  }
  return sum;
}

/// A diagonal quadratic: 1/2 Σ λ_i θ_i².
Quadratic diagonal(const Vector& eigenvalues) {
  const std::size_t n = eigenvalues.size();
  Quadratic quadratic{Vector(n * n, 0.0), Vector(n, 0.0)};
  for (std::size_t i = 0; i < n; ++i) quadratic.A[i * n + i] = eigenvalues[i];
  return quadratic;
}

const Vector kEigenvalues = {4, 2.5, 1, 0.1, -3};
const Vector kStart = {0.02, -0.3, 0.5, 1, 0.2};

TEST_CASE("many steps find the worst point of a ball in closed form, one step does not, and the radius is kept") {
  const auto backend = make_backend("cpu", {.threads = 1});
  QuadraticLoss loss(*backend, diagonal(kEigenvalues), kStart);
  Vector g;
  for (std::size_t i = 0; i < kStart.size(); ++i) g.push_back(kEigenvalues[i] * kStart[i]);
  const std::vector<double> radii = {0.05, 0.5, 2};
  const WorstCase result = worst_case(*backend, loss, loss.theta, radii, {.steps = 200, .restarts = 3, .seed = 1});
  CHECK(result.loss == loss.loss(loss.theta));
  REQUIRE(result.increases.size() == 3);
  double norm = 0, curvature = 0;
  for (const double value : g) norm += value * value;
  norm = std::sqrt(norm);
  for (std::size_t i = 0; i < g.size(); ++i) curvature += kEigenvalues[i] * g[i] * g[i] / (norm * norm);
  for (const LossIncrease& increase : result.increases) {
    CAPTURE(increase.radius);
    const double r = increase.radius;
    CHECK(increase.one_step == doctest::Approx(r * norm + 0.5 * r * r * curvature).epsilon(1e-12));
    CHECK(increase.multi_step == doctest::Approx(closed_form(kEigenvalues, g, r)).epsilon(1e-9));
  }
  CHECK(result.increases[2].multi_step > 1.2 * result.increases[2].one_step);
}

TEST_CASE("at a minimum one step finds nothing, and the restarts find the sharpest direction") {
  const auto backend = make_backend("cpu", {.threads = 1});
  QuadraticLoss loss(*backend, with_spectrum({4, 2, 1, 0.5}, 3), Vector(4, 0.0));
  const std::vector<double> radius = {0.1};
  const LossIncrease found =
      worst_case(*backend, loss, loss.theta, radius, {.steps = 60, .restarts = 2, .seed = 1}).increases[0];
  CHECK(found.one_step == 0);
  CHECK(found.multi_step == doctest::Approx(0.5 * 4 * 0.01).epsilon(1e-9));
}

TEST_CASE("several steps are never below one step, without steps they are the same, and a seed repeats every bit") {
  const auto backend = make_backend("cpu", {.threads = 1});
  const std::vector<double> radii = {0.01, 1, 30};
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    QuadraticLoss loss(*backend, random_quadratic(6, seed), Vector(6, 0.3));
    const AscentOptions options{.steps = 2, .restarts = 2, .seed = seed};
    const WorstCase first = worst_case(*backend, loss, loss.theta, radii, options);
    const WorstCase second = worst_case(*backend, loss, loss.theta, radii, options);
    const WorstCase none = worst_case(*backend, loss, loss.theta, radii, {.steps = 0});
    for (std::size_t i = 0; i < radii.size(); ++i) {
      CHECK(first.increases[i].multi_step >= first.increases[i].one_step);
      CHECK(first.increases[i].multi_step == second.increases[i].multi_step);
      CHECK(none.increases[i].one_step == first.increases[i].one_step);
      CHECK(none.increases[i].multi_step == none.increases[i].one_step);
    }
  }
}

TEST_CASE("radii that are no lengths and a loss that is not finite are errors") {
  const auto backend = make_backend("cpu", {.threads = 1});
  QuadraticLoss loss(*backend, parabola(1, 0), {1});
  for (const double radius : {0.0, -1.0, std::numeric_limits<double>::infinity()}) {
    const std::vector<double> radii = {0.1, radius};
    CHECK(error_of([&] { worst_case(*backend, loss, loss.theta, radii, {}); }).find("is not a positive number") !=
          std::string::npos);
  }
  QuadraticLoss broken(*backend, parabola(1, 0), {std::numeric_limits<double>::quiet_NaN()});
  const std::vector<double> radii = {0.1};
  CHECK(error_of([&] { worst_case(*backend, broken, broken.theta, radii, {}); }).find("nan") != std::string::npos);
}

}  // namespace
}  // namespace dgsam
