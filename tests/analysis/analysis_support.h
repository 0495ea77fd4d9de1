// Losses with known curvature.
#pragma once

#include <memory>
#include <utility>

#include "engine/make_backend.h"
#include "optim/analysis/loss.h"
#include "tests/optim/quadratics.h"

namespace dgsam {

/// A Quadratic and θ for it, in double.
class QuadraticLoss final : public Loss {
 public:
  QuadraticLoss(Backend& backend, Quadratic quadratic, const Vector& at)
      : quadratic_(std::move(quadratic)),
        backend_(&backend),
        theta(backend, Quadratics(backend, {quadratic_}).layout(), DType::f64) {
    write(backend, theta, at);
  }
  double loss(const FlatVector& at) override { return quadratic_.loss(read(*backend_, at)); }
  void gradient(const FlatVector& at, FlatVector& g) override {
    write(*backend_, g, quadratic_.gradient(read(*backend_, at)));
  }

 private:
  Quadratic quadratic_;
  Backend* backend_;

 public:
  FlatVector theta;
};

/// A with the given eigenvalues: reflections of a diagonal matrix. c = 0.
inline Quadratic with_spectrum(const Vector& eigenvalues, std::uint64_t seed) {
  const std::size_t n = eigenvalues.size();
  Quadratic quadratic{Vector(n * n, 0.0), Vector(n, 0.0)};
  Vector& A = quadratic.A;
  for (std::size_t i = 0; i < n; ++i) A[i * n + i] = eigenvalues[i];
  RandomStream random(seed, "reflections");
  for (int reflection = 0; reflection < 3; ++reflection) {
    Vector u(n);
    double squares = 0;
    for (double& value : u) {
      value = random.normal();
      squares += value * value;
    }
    for (const bool rows : {true, false}) {  // A <- (I - 2uuᵀ/uᵀu) A, then the same from the right
      const std::size_t along = rows ? n : 1, across = rows ? 1 : n;
      for (std::size_t k = 0; k < n; ++k) {
        double product = 0;
        for (std::size_t i = 0; i < n; ++i) product += u[i] * A[i * along + k * across];
        for (std::size_t i = 0; i < n; ++i) A[i * along + k * across] -= 2 * u[i] * product / squares;
      }
    }
  }
  return quadratic;
}

}  // namespace dgsam
