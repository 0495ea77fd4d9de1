// Arithmetic of flat vectors.
//
// Ascent: what multiplies a gradient in the step of SAM and its kin, theta + rho g/(||g|| + eps), and in GSAM's
// decomposition; nothing where the gradient vanishes.
//
// One element of Adam (Kingma & Ba 2015), AdamW (Loshchilov & Hutter 2019) and SGD, as PyTorch computes them:
//
//   Adam   g += decay·theta                    SGD  g += decay·theta
//          m = beta1 m + (1 - beta1) g              buffer = momentum·buffer + g
//          v = beta2 v + (1 - beta2) g²             d = buffer, or g + momentum·buffer with Nesterov
//          theta -= lr/c1 · m/(sqrt(v)/sqrt(c2) + eps)    theta -= lr·d
//   AdamW  theta *= 1 - lr·decay instead of the decay in g
//
// with c1 = 1 - beta1^t and c2 = 1 - beta2^t. What is the same for all elements is prepared once, in double.
#pragma once

#include <cmath>

#include "engine/core/host_device.h"

namespace dgsam {

/// What multiplies g. A norm that is not finite comes through as one that is not finite or as zero times infinity, so
/// that it is seen and not hidden.
DGSAM_HOST_DEVICE inline double ascent_scale(double norm, double rho, double eps) {
  return norm == 0 ? 0 : rho / (norm + eps);
}

/// What multiplies y in the component of x along y, dot = <x, y> and norm = ||y||.
DGSAM_HOST_DEVICE inline double component_scale(double dot, double norm) { return norm == 0 ? 0 : dot / norm / norm; }

template <class T>
struct AdamStep {
  T gradient_scale, decay;
  T beta1, one_minus_beta1, beta2, one_minus_beta2;
  T shrink;     ///< 1, or 1 - lr·decay when the decay is decoupled
  T step_size;  ///< lr/c1
  T root_c2, eps;
};

/// `Spec` is AdamSpec; lr, c1, c2 are the step's optimizer scalars.
template <class T, class Spec>
DGSAM_HOST_DEVICE AdamStep<T> adam_step(const Spec& spec, double gradient_scale, double lr, double c1, double c2) {
  return {static_cast<T>(gradient_scale),
          static_cast<T>(spec.decoupled ? 0 : spec.weight_decay),
          static_cast<T>(spec.beta1),
          static_cast<T>(1 - spec.beta1),
          static_cast<T>(spec.beta2),
          static_cast<T>(1 - spec.beta2),
          static_cast<T>(spec.decoupled ? 1 - lr * spec.weight_decay : 1),
          static_cast<T>(lr / c1),
          static_cast<T>(std::sqrt(c2)),
          static_cast<T>(spec.eps)};
}

template <class T>
DGSAM_HOST_DEVICE inline void adam_update(const AdamStep<T>& step, T gradient, T& theta, T& m, T& v) {
  const T g = step.gradient_scale * gradient + step.decay * theta;
  m = step.beta1 * m + step.one_minus_beta1 * g;
  v = step.beta2 * v + step.one_minus_beta2 * g * g;
  theta = step.shrink * theta - step.step_size * (m / (std::sqrt(v) / step.root_c2 + step.eps));
}

template <class T>
struct SgdStep {
  T gradient_scale, decay, momentum, lr;
  bool nesterov;
};

/// `Spec` is SgdSpec.
template <class T, class Spec>
DGSAM_HOST_DEVICE SgdStep<T> sgd_step(const Spec& spec, double gradient_scale, double lr) {
  return {static_cast<T>(gradient_scale), static_cast<T>(spec.weight_decay), static_cast<T>(spec.momentum),
          static_cast<T>(lr), spec.nesterov};
}

template <class T>
DGSAM_HOST_DEVICE inline void sgd_update(const SgdStep<T>& step, T gradient, T& theta, T& buffer) {
  const T g = step.gradient_scale * gradient + step.decay * theta;
  buffer = step.momentum * buffer + g;
  theta -= step.lr * (step.nesterov ? g + step.momentum * buffer : buffer);
}

}  // namespace dgsam
