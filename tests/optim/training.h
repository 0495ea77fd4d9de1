// A method, its optimizer and θ over quadratics: what the tests of the methods train.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "engine/cpu/cpu_backend.h"
#include "optim/make_method.h"
#include "tests/optim/quadratics.h"

namespace dgsam {

struct Training {
  Training(std::vector<Quadratic> domains, const MethodOptions& options, const OptimizerOptions& optimizer,
           const Vector& start, DType dtype = DType::f64)
      : gradient(backend, std::move(domains)),
        theta(backend, gradient.layout(), dtype),
        base(make_base_optimizer(backend, theta, optimizer)),
        method(make_method(backend, *base, theta, gradient.domains(), options)) {
    write(backend, theta, start);
  }

  void step() { method->step(steps++, theta, gradient); }
  Vector values() { return read(backend, theta); }

  CpuBackend backend;
  Quadratics gradient;
  FlatVector theta;
  std::unique_ptr<BaseOptimizer> base;
  std::unique_ptr<Method> method;
  std::int64_t steps = 0;
};

inline OptimizerOptions plain_sgd(double learning_rate) {
  OptimizerOptions options;
  options.name = "sgd";
  options.learning_rate = learning_rate;
  options.momentum = 0;
  return options;
}

inline OptimizerOptions adam(double learning_rate, double weight_decay) {
  OptimizerOptions options;
  options.learning_rate = learning_rate;
  options.weight_decay = weight_decay;
  return options;
}

/// DGSAM; the order defaults to a random one.
inline MethodOptions dgsam_options(DgsamGradients gradients, DgsamScale scale, int domains, double rho = 0.05) {
  return {"dgsam", rho, gradients, scale, random_order(domains, 7)};
}

inline MethodOptions plain_method(const std::string& name, double rho = 0.05) {
  MethodOptions options;
  options.name = name;
  options.rho = rho;
  return options;
}

/// The largest |a - b|.
inline double distance(const Vector& a, const Vector& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return a.size() == b.size() ? largest : HUGE_VAL;
}

}  // namespace dgsam
