// A Gradient without a network: one quadratic per domain, worked out on the host.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "engine/backend.h"
#include "engine/core/rng.h"
#include "optim/gradient.h"

namespace dgsam {

using Vector = std::vector<double>;

/// The parameters of `vector`, its gaps left out.
inline Vector read(Backend& backend, const FlatVector& vector) {
  Vector values;
  for (const FlatLayout::Segment& segment : vector.layout().segments()) {
    const ConstTensor tensor = vector.segment(segment);
    const auto count = static_cast<std::size_t>(tensor.elements());
    if (vector.dtype() == DType::f64) {
      Vector part(count);
      backend.download(part.data(), tensor);
      values.insert(values.end(), part.begin(), part.end());
    } else {
      std::vector<float> part(count);
      backend.download(part.data(), tensor);
      values.insert(values.end(), part.begin(), part.end());
    }
  }
  return values;
}

inline void write(Backend& backend, FlatVector& vector, const Vector& values) {
  auto next = values.begin();
  for (const FlatLayout::Segment& segment : vector.layout().segments()) {
    const Tensor tensor = vector.segment(segment);
    const auto end = next + tensor.elements();
    if (vector.dtype() == DType::f64) {
      backend.upload(tensor, Vector(next, end).data());
    } else {
      backend.upload(tensor, std::vector<float>(next, end).data());
    }
    next = end;
  }
}

/// L(θ) = 1/2 (θ - c)ᵀ A (θ - c), A symmetric and positive definite, row-major.
struct Quadratic {
  Vector A, c;

  double loss(const Vector& theta) const {
    const Vector g = gradient(theta);
    double sum = 0;
    for (std::size_t i = 0; i < c.size(); ++i) sum += 0.5 * (theta[i] - c[i]) * g[i];
    return sum;
  }
  Vector gradient(const Vector& theta) const {
    Vector g(c.size(), 0.0);
    for (std::size_t i = 0; i < c.size(); ++i) {
      for (std::size_t k = 0; k < c.size(); ++k) g[i] += A[i * c.size() + k] * (theta[k] - c[k]);
    }
    return g;
  }
};

/// A = B Bᵀ/n + I/2 and c, drawn at random.
inline Quadratic random_quadratic(std::size_t n, std::uint64_t seed) {
  RandomStream random(seed, "quadratic");
  Vector B(n * n);
  for (double& value : B) value = random.normal();
  Quadratic quadratic{Vector(n * n, 0.0), Vector(n)};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t j = 0; j < n; ++j)
        quadratic.A[i * n + k] += B[i * n + j] * B[k * n + j] / static_cast<double>(n);
    }
    quadratic.A[i * n + i] += 0.5;
    quadratic.c[i] = random.normal();
  }
  return quadratic;
}

/// A one-dimensional one: 1/2 a (θ - c)².
inline Quadratic parabola(double a, double c) { return {{a}, {c}}; }

class Quadratics : public Gradient {
 public:
  Quadratics(Backend& backend, std::vector<Quadratic> domains) : domains_(std::move(domains)), backend_(&backend) {}

  /// One segment of three elements and one of the rest, so that θ has gaps.
  std::shared_ptr<const FlatLayout> layout() const {
    auto layout = std::make_shared<FlatLayout>();
    const auto n = static_cast<std::int64_t>(domains_[0].c.size());
    if (n > 3) layout->add("a", {3});
    layout->add("b", {n > 3 ? n - 3 : n});
    return layout;
  }

  int domains() const override { return static_cast<int>(domains_.size()); }
  void begin_step(std::int64_t, std::span<const int> order) override { order_.assign(order.begin(), order.end()); }
  void of_batch(int j, const FlatVector& theta, FlatVector& g, Tensor loss) override {
    const Vector at = visit(theta);
    const auto domain = static_cast<std::size_t>(order_[static_cast<std::size_t>(j)]);
    domain_gradients += 1;
    write(*backend_, g, domains_[domain].gradient(at));
    write_scalar(loss, domains_[domain].loss(at));
  }
  void of_mean(const FlatVector& theta, FlatVector& g, Tensor loss) override {
    const Vector at = visit(theta);
    Vector sum(at.size(), 0.0);
    double total = 0;
    for (const Quadratic& domain : domains_) {
      const Vector one = domain.gradient(at);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += one[i];
      total += domain.loss(at);
    }
    domain_gradients += domains();
    for (double& value : sum) value /= domains();
    write(*backend_, g, sum);
    write_scalar(loss, total / domains());
  }

  int domain_gradients = 0;
  std::vector<Vector> visited;  ///< the points at which gradients were taken
  const FlatVector* watched = nullptr;
  std::vector<Vector> watched_values;  ///< of *watched, when each gradient was taken

 private:
  Vector visit(const FlatVector& theta) {
    visited.push_back(read(*backend_, theta));
    if (watched) watched_values.push_back(read(*backend_, *watched));
    return visited.back();
  }
  void write_scalar(Tensor scalar, double value) {
    const auto single = static_cast<float>(value);
    backend_->upload(scalar, scalar.dtype() == DType::f64 ? static_cast<const void*>(&value) : &single);
  }

  std::vector<Quadratic> domains_;
  Backend* backend_;
  std::vector<int> order_;
};

}  // namespace dgsam
