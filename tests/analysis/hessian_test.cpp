#include "optim/analysis/hessian.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "optim/analysis/symmetric_eigen.h"
#include "tests/analysis/analysis_support.h"
#include "tests/models/networks.h"
#include "tests/temporary_folder.h"

namespace dgsam {
namespace {

TEST_CASE("the eigenvalues of a small matrix and their vectors, also where they repeat") {
  const Vector eigenvalues = {7, 3, 3, 0.5, 0, -2};
  const std::size_t n = eigenvalues.size();
  const Quadratic quadratic = with_spectrum(eigenvalues, 5);
  const SymmetricEigen eigen = symmetric_eigen(quadratic.A, n);
  for (std::size_t i = 0; i < n; ++i) {
    CHECK(eigen.values[i] == doctest::Approx(eigenvalues[i]).epsilon(1e-12));
    const auto v = eigen.vector(i);
    CHECK(std::inner_product(v.begin(), v.end(), v.begin(), 0.0) == doctest::Approx(1));
    const Vector product = quadratic.gradient({v.begin(), v.end()});
    for (std::size_t k = 0; k < n; ++k) CHECK(std::abs(product[k] - eigenvalues[i] * v[k]) < 1e-12);
  }
  CHECK(symmetric_eigen({4}, 1).values == Vector{4});
}

TEST_CASE("inner products by norms") {
  const auto backend = make_backend("cpu", {.threads = 1});
  const QuadraticLoss x(*backend, random_quadratic(40, 1), random_quadratic(40, 2).c);
  QuadraticLoss y(*backend, random_quadratic(40, 1), random_quadratic(40, 3).c);
  const Vector a = read(*backend, x.theta), b = read(*backend, y.theta);
  const Vectors vectors(*backend, x.theta);
  const double scale = vectors.norm(x.theta) * vectors.norm(y.theta);
  vectors.scale(1e9, y.theta);
  const double expected = 1e9 * std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  CHECK(std::abs(vectors.dot(x.theta, y.theta) - expected) < 1e9 * scale * 1e-14);
  CHECK(vectors.dot(vectors.make(), y.theta) == 0);
}

TEST_CASE("Lanczos finds the largest eigenvalues of quadratics, with residuals as small as it says") {
  const auto backend = make_backend("cpu", {.threads = 1});
  Vector eigenvalues = {10, 8, 7.5, -9};
  for (int i = 0; i < 36; ++i) eigenvalues.push_back(0.1 * i);
  QuadraticLoss loss(*backend, with_spectrum(eigenvalues, 2), random_quadratic(40, 4).c);
  HessianProduct hessian(*backend, loss, loss.theta, 1e-3);
  const auto found = largest_eigenvalues(hessian, {.top = 3, .steps = 30, .tolerance = 1e-7, .seed = 1});
  REQUIRE(found.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(found[i].value == doctest::Approx(eigenvalues[i]).epsilon(1e-9));
    CHECK(found[i].residual < 1e-5);
    CHECK(found[i].error < 1e-9);
  }
  // Too few steps: the residual admits it, and some eigenvalue is as near as it says.
  const auto rough = largest_eigenvalues(hessian, {.top = 1, .steps = 4, .tolerance = 0, .seed = 1});
  CHECK(rough[0].residual > 1e-3);
  double nearest = 1e9;
  for (const double value : eigenvalues) nearest = std::min(nearest, std::abs(value - rough[0].value));
  CHECK(nearest <= rough[0].residual);
  CHECK(rough[0].value <= 10 + 1e-9);
}

TEST_CASE("Lanczos ends where its start reaches no further: repeated eigenvalues once, no more than parameters") {
  const auto backend = make_backend("cpu", {.threads = 1});
  QuadraticLoss repeated(*backend, with_spectrum({5, 5, 5, 2, 2}, 2), Vector(5, 1.0));
  HessianProduct hessian(*backend, repeated, repeated.theta, 1e-3);
  const auto found = largest_eigenvalues(hessian, {.top = 2, .steps = 5, .seed = 1});
  REQUIRE(found.size() == 2);
  CHECK(found[0].value == doctest::Approx(5));
  CHECK(found[1].value == doctest::Approx(2));
  QuadraticLoss single(*backend, parabola(3, 1), {0});
  HessianProduct curvature(*backend, single, single.theta, 1e-3);
  const auto one = largest_eigenvalues(curvature, {.top = 2, .steps = 5, .seed = 1});
  REQUIRE(one.size() == 1);
  CHECK(one[0].value == doctest::Approx(3));
}

TEST_CASE("Hutchinson's trace: exact for a diagonal Hessian, else within a few standard errors, and repeatable") {
  const auto backend = make_backend("cpu", {.threads = 1});
  Quadratic diagonal{Vector(25, 0.0), Vector(5, 0.0)};
  for (std::size_t i = 0; i < 5; ++i) diagonal.A[i * 6] = static_cast<double>(i);
  QuadraticLoss exact(*backend, diagonal, Vector(5, 1.0));
  HessianProduct exact_product(*backend, exact, exact.theta, 1e-3);
  const Trace known = hessian_trace(exact_product, 3, 1);
  CHECK(known.mean == doctest::Approx(10).epsilon(1e-9));
  CHECK(known.standard_error < 1e-9);

  const Quadratic quadratic = random_quadratic(30, 8);
  double expected = 0;
  for (std::size_t i = 0; i < 30; ++i) expected += quadratic.A[i * 31];
  QuadraticLoss loss(*backend, quadratic, Vector(30, 0.5));
  HessianProduct hessian(*backend, loss, loss.theta, 1e-3);
  const Trace few = hessian_trace(hessian, 50, 1), many = hessian_trace(hessian, 800, 1);
  for (const Trace& trace : {few, many}) CHECK(std::abs(trace.mean - expected) < 4 * trace.standard_error);
  CHECK(few.standard_error / many.standard_error == doctest::Approx(4).epsilon(0.3));
  CHECK(hessian_trace(hessian, 50, 1).mean == few.mean);
  CHECK(hessian_trace(hessian, 50, 2).mean != few.mean);
}

TEST_CASE("steps, counts and samples that make no sense are errors") {
  const auto backend = make_backend("cpu", {.threads = 1});
  QuadraticLoss loss(*backend, parabola(3, 1), {0});
  CHECK(error_of([&] { HessianProduct(*backend, loss, loss.theta, 0); }).find("step 0") != std::string::npos);
  HessianProduct hessian(*backend, loss, loss.theta, 1e-3);
  CHECK(error_of([&] { largest_eigenvalues(hessian, {.top = 3, .steps = 2}); }) != "");
  CHECK(error_of([&] { hessian_trace(hessian, 0, 1); }) != "");
  CHECK(error_of([&] { MeanLoss(*backend, {}); }) != "");
}

/// A RunningNetwork's loss on its images.
class TinyNetworkLoss final : public Loss {
 public:
  TinyNetworkLoss(Backend& backend, RunningNetwork& network) : backend_(backend), network_(network) {}
  double loss(const FlatVector& theta) override {
    backend_.copy(theta.all(), network_.theta.all());
    return network_.run();
  }
  void gradient(const FlatVector& theta, FlatVector& g) override {
    loss(theta);
    backend_.copy(network_.gradient.all(), g.all());
  }

 private:
  Backend& backend_;
  RunningNetwork& network_;
};

TEST_CASE("a tiny network's eigenvalues and trace are those of its explicit Hessian") {
  const auto backend = plain_backend();
  const ResNetSpec spec{.block = ResNetSpec::Block::basic, .blocks = {1}, .planes = {2}, .stem = 2};
  NetworkOptions options = small_options(3);
  options.image_size = 8;
  RunningNetwork network(*backend, build_network(spec, 3, options));
  const Vectors vectors(*backend, network.theta);
  FlatVector theta = vectors.make();
  vectors.copy(network.theta, theta);
  TinyNetworkLoss loss(*backend, network);
  constexpr double kStep = 1e-6;
  HessianProduct product(*backend, loss, theta, kStep);

  const auto n = static_cast<std::size_t>(theta.layout().parameters());
  REQUIRE(n > 100);
  Vector explicit_hessian(n * n);
  FlatVector g = vectors.make(), at = vectors.make();
  const Vector start = read(*backend, theta);
  for (std::size_t i = 0; i < n; ++i) {
    for (const double sign : {1.0, -1.0}) {
      Vector moved = start;
      moved[i] += sign * kStep;
      write(*backend, at, moved);
      loss.gradient(at, g);
      const Vector column = read(*backend, g);
      for (std::size_t k = 0; k < n; ++k) explicit_hessian[k * n + i] += sign * column[k] / (2 * kStep);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      CHECK(std::abs(explicit_hessian[i * n + k] - explicit_hessian[k * n + i]) < 1e-5);
      explicit_hessian[i * n + k] = explicit_hessian[k * n + i];
    }
  }
  const SymmetricEigen expected = symmetric_eigen(explicit_hessian, n);
  const auto found = largest_eigenvalues(product, {.top = 3, .steps = 60, .tolerance = 1e-5, .seed = 3});
  REQUIRE(found.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    CHECK(found[i].value == doctest::Approx(expected.values[i]).epsilon(1e-5));
    CHECK(found[i].residual < 1e-3 * expected.values[0]);
    CHECK(found[i].error < 1e-4 * expected.values[0]);
  }
  const double trace = std::accumulate(expected.values.begin(), expected.values.end(), 0.0);
  const Trace estimate = hessian_trace(product, 60, 3);
  CHECK(std::abs(estimate.mean - trace) < 4 * estimate.standard_error);
  double beside = 0;  // the variance of zᵀHz is twice the sum of squares beside the diagonal
  for (std::size_t i = 0; i < n * n; ++i) beside += i % (n + 1) ? explicit_hessian[i] * explicit_hessian[i] : 0;
  CHECK(estimate.standard_error == doctest::Approx(std::sqrt(2 * beside / 60)).epsilon(0.4));
}

}  // namespace
}  // namespace dgsam
