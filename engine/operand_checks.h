// What the operations of backend.h rely on, checked once for all backends. A backend adds what only it relies on (a
// layout, say) before.
#pragma once

#include <cstdint>

#include "engine/backend.h"
#include "engine/core/operands.h"

namespace dgsam {

inline void check_fold_batch_norm(const char* op, const Tensor& w, const Tensor& gamma, const Tensor& beta,
                                  const Tensor& mean, const Tensor& var, const Tensor& folded_w,
                                  const Tensor& folded_b) {
  const Type vector{w.dtype(), {w.shape()[0]}};
  check(op, "gamma", gamma, vector);
  check(op, "beta", beta, vector);
  check(op, "mean", mean, vector);
  check(op, "var", var, vector);
  check(op, "folded_w", folded_w, {folded_w.dtype(), w.shape()});
  check(op, "folded_b", folded_b, vector);
}

inline void check_fold_batch_norm_grad(const char* op, const Tensor& w, const Tensor& gamma, const Tensor& mean,
                                       const Tensor& var, const Tensor& dfw, const Tensor& dfb, const Tensor& dw,
                                       const Tensor& dgamma, const Tensor& dbeta) {
  const Type vector{w.dtype(), {w.shape()[0]}};
  check(op, "gamma", gamma, vector);
  check(op, "mean", mean, vector);
  check(op, "var", var, vector);
  check(op, "dfw", dfw, w.type);
  check(op, "dfb", dfb, vector);
  check(op, "dw", dw, w.type);
  check(op, "dgamma", dgamma, vector);
  check(op, "dbeta", dbeta, vector);
}

/// x is an image already.
inline void check_batch_norm(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                             const Tensor& running_mean, const Tensor& running_var, const Tensor& counters,
                             const Tensor& y, const Tensor& mean, const Tensor& invstd) {
  const Type vector{master_of(x.dtype()), {x.shape()[3]}};
  check(op, "gamma", gamma, vector);
  check(op, "beta", beta, vector);
  check(op, "running_mean", running_mean, vector);
  check(op, "running_var", running_var, vector);
  check(op, "counters", counters, {DType::i64, {kStepCounters}});
  check(op, "y", y, x.type);
  check(op, "mean", mean, vector);
  check(op, "invstd", invstd, vector);
}

/// x is an image already.
inline void check_batch_norm_grad(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& mean,
                                  const Tensor& invstd, const Tensor& dy, const Tensor& dx, const Tensor& dgamma,
                                  const Tensor& dbeta) {
  const Type vector{master_of(x.dtype()), {x.shape()[3]}};
  check(op, "gamma", gamma, vector);
  check(op, "mean", mean, vector);
  check(op, "invstd", invstd, vector);
  check(op, "dy", dy, x.type);
  check(op, "dx", dx, x.type);
  check(op, "dgamma", dgamma, vector);
  check(op, "dbeta", dbeta, vector);
}

/// What both directions rely on. x is an image already.
inline void check_group_norm(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& mean,
                             const Tensor& invstd, int groups) {
  const DType master = master_of(x.dtype());
  const std::int64_t images = x.shape()[0], channels = x.shape()[3];
  require(groups > 0 && channels % groups == 0, op, ": ", channels, " channels do not make ", groups, " equal groups");
  check(op, "gamma", gamma, {master, {channels}});
  check(op, "mean", mean, {master, {images, groups}});
  check(op, "invstd", invstd, {master, {images, groups}});
}

inline void check_ascend(const Tensor& theta, const Tensor& g, const Tensor& norm, const Tensor& out) {
  check("ascend", "g", g, theta.type);
  check("ascend", "norm", norm, {DType::f64, {}});
  check("ascend", "out", out, theta.type);
}

inline void check_dot_product(const Tensor& x, const Tensor& y, const Tensor& out) {
  check("dot_product", "y", y, x.type);
  check("dot_product", "out", out, {DType::f64, {}});
}

inline void check_reject(const Tensor& x, const Tensor& y, const Tensor& dot, const Tensor& norm, const Tensor& out) {
  check("reject", "y", y, x.type);
  check("reject", "dot", dot, {DType::f64, {}});
  check("reject", "norm", norm, {DType::f64, {}});
  check("reject", "out", out, x.type);
}

inline void check_adam(const Tensor& theta, const Tensor& gradient, const Tensor& m, const Tensor& v,
                       const Tensor& scalars) {
  check("adam", "gradient", gradient, theta.type);
  check("adam", "m", m, theta.type);
  check("adam", "v", v, theta.type);
  check("adam", "scalars", scalars, {DType::f64, {kOptimizerScalars}});
}

inline void check_sgd(const Tensor& theta, const Tensor& gradient, const Tensor& velocity, const Tensor& scalars,
                      const SgdSpec& spec) {
  check("sgd", "gradient", gradient, theta.type);
  check_optional("sgd", "velocity", velocity, theta.type);
  require(velocity || spec.momentum == 0, "sgd: momentum ", spec.momentum, " needs a velocity");
  check("sgd", "scalars", scalars, {DType::f64, {kOptimizerScalars}});
}

}  // namespace dgsam
