// The update rules and the methods once more, as loops over std::vector: what the engine is compared with.
#pragma once

#include <cmath>
#include <vector>

#include "optim/base_optimizer.h"
#include "optim/make_method.h"
#include "tests/optim/quadratics.h"

namespace dgsam {

/// PyTorch's Adam, AdamW and SGD, line by line from its documentation.
struct ReferenceOptimizer {
  OptimizerOptions options;
  Vector m = {}, v = {};
  int t = 0;

  Vector update(Vector theta, const Vector& d) {
    m.resize(theta.size());
    v.resize(theta.size());
    ++t;
    const double lr = options.learning_rate, decay = options.weight_decay;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      double g = d[i];
      if (options.name == "adamw") {
        theta[i] -= lr * decay * theta[i];
      } else {
        g += decay * theta[i];
      }
      if (options.name == "sgd") {
        m[i] = t == 1 ? g : options.momentum * m[i] + g;
        theta[i] -= lr * (options.nesterov ? g + options.momentum * m[i] : m[i]);
        continue;
      }
      m[i] = options.beta1 * m[i] + (1 - options.beta1) * g;
      v[i] = options.beta2 * v[i] + (1 - options.beta2) * g * g;
      const double m_hat = m[i] / (1 - std::pow(options.beta1, t));
      const double v_hat = v[i] / (1 - std::pow(options.beta2, t));
      theta[i] -= lr * m_hat / (std::sqrt(v_hat) + options.eps);
    }
    return theta;
  }
};

inline double norm_of(const Vector& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

/// y + alpha x
inline Vector plus(Vector y, double alpha, const Vector& x) {
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += alpha * x[i];
  return y;
}

inline Vector mean_gradient(const std::vector<Quadratic>& domains, const Vector& theta) {
  Vector sum(theta.size(), 0.0);
  for (const Quadratic& domain : domains)
    sum = plus(sum, 1.0 / static_cast<double>(domains.size()), domain.gradient(theta));
  return sum;
}

inline double dot(const Vector& x, const Vector& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}

/// θ + ρ g/(‖g‖ + ε), or as ASAM has it.
inline Vector ascended(const MethodOptions& options, const Vector& theta, Vector g, double eps) {
  if (!options.adaptive) return plus(theta, options.rho / (norm_of(g) + eps), g);
  for (std::size_t i = 0; i < g.size(); ++i) g[i] *= std::abs(theta[i]);
  const double norm = norm_of(g);
  for (std::size_t i = 0; i < g.size(); ++i) g[i] *= std::abs(theta[i]);
  return plus(theta, options.rho / (norm + eps), g);
}

/// 1/S Σ [1 - 2λ (L_j - L̄)] g_j
inline Vector disam_gradient(double lambda, const std::vector<Quadratic>& domains, const Vector& theta) {
  const auto S = static_cast<double>(domains.size());
  double mean = 0;
  for (const Quadratic& domain : domains) mean += domain.loss(theta) / S;
  Vector sum(theta.size(), 0.0);
  for (const Quadratic& domain : domains)
    sum = plus(sum, (1 - 2 * lambda * (domain.loss(theta) - mean)) / S, domain.gradient(theta));
  return sum;
}

/// d of one step: ERM's, SAM's, GSAM's, SAGM's, DISAM's, and DGSAM's in each of its variants.
inline Vector descent_gradient(const MethodOptions& options, const std::vector<Quadratic>& domains,
                               const std::vector<int>& order, const Vector& theta) {
  const Vector g = mean_gradient(domains, theta);
  if (options.name == "erm") return g;
  if (options.name == "sam") return mean_gradient(domains, ascended(options, theta, g, 0));
  if (options.name == "disam") {
    const Vector a = disam_gradient(options.disam_lambda, domains, theta);
    return mean_gradient(domains, ascended(options, theta, a, 1e-12));
  }
  const double ascent = options.rho / (norm_of(g) + 1e-12);
  if (options.name == "gsam") {
    const Vector g_p = mean_gradient(domains, plus(theta, ascent, g));
    const double cosine = dot(g, g_p) / (norm_of(g) * norm_of(g_p));
    const Vector orthogonal = plus(g, -cosine * norm_of(g) / norm_of(g_p), g_p);
    return plus(g_p, -options.gsam_alpha, orthogonal);
  }
  if (options.name == "sagm") {
    const Vector g_p = mean_gradient(domains, plus(theta, ascent - options.sagm_alpha, g));
    return plus(plus(Vector(g.size(), 0.0), 0.5, g), 0.5, g_p);
  }

  Vector at = theta, first, others(theta.size(), 0.0);
  for (std::size_t j = 0; j < order.size(); ++j) {
    const Vector g_j = domains[static_cast<std::size_t>(order[j])].gradient(at);
    if (j == 0) {
      first = g_j;
    } else {
      others = plus(others, 1, g_j);
    }
    at = ascended(options, at, g_j, 1e-12);
  }
  const double S = static_cast<double>(domains.size());
  const double size = options.scale == DgsamScale::sum ? S : 1;
  const Vector last = domains[static_cast<std::size_t>(order[0])].gradient(at);
  const Vector none(theta.size(), 0.0);
  switch (options.gradients) {
    case DgsamGradients::all:
      return plus(none, size / (S + 1), plus(plus(first, 1, others), 1, last));
    case DgsamGradients::perturbed:
      return plus(none, size / S, plus(others, 1, last));
    case DgsamGradients::fresh:
      return plus(none, size, mean_gradient(domains, at));
  }
  return none;
}

}  // namespace dgsam
