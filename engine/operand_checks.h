// What the operations rely on, checked once for all backends. A backend adds what only it relies on (a
// layout, say) before.
#pragma once

#include <cstdint>

#include "engine/backend.h"
#include "engine/core/operands.h"

namespace dgsam {

inline void check_fold_batch_norm(const char* op, ConstTensor w, ConstTensor gamma, ConstTensor beta, ConstTensor mean,
                                  ConstTensor var, ConstTensor folded_w, ConstTensor folded_b) {
  const Type vector{w.dtype(), {w.shape()[0]}};
  check(op, "gamma", gamma, vector);
  check(op, "beta", beta, vector);
  check(op, "mean", mean, vector);
  check(op, "var", var, vector);
  check(op, "folded_w", folded_w, {folded_w.dtype(), w.shape()});
  check(op, "folded_b", folded_b, vector);
}

inline void check_fold_batch_norm_grad(const char* op, ConstTensor w, ConstTensor gamma, ConstTensor mean,
                                       ConstTensor var, ConstTensor dfw, ConstTensor dfb, ConstTensor dw,
                                       ConstTensor dgamma, ConstTensor dbeta) {
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
inline void check_batch_norm(const char* op, ConstTensor x, ConstTensor gamma, ConstTensor beta,
                             ConstTensor running_mean, ConstTensor running_var, ConstTensor counters, ConstTensor y,
                             ConstTensor mean, ConstTensor invstd, RunningStatistics running) {
  const Type vector{master_of(x.dtype()), {x.shape()[3]}};
  check(op, "gamma", gamma, vector);
  check(op, "beta", beta, vector);
  if (running != RunningStatistics::never) {
    check(op, "running_mean", running_mean, vector);
    check(op, "running_var", running_var, vector);
  }
  check(op, "counters", counters, {DType::i64, {kStepCounters}});
  check(op, "y", y, x.type);
  check(op, "mean", mean, vector);
  check(op, "invstd", invstd, vector);
}

/// x is an image already.
inline void check_batch_norm_grad(const char* op, ConstTensor x, ConstTensor gamma, ConstTensor mean,
                                  ConstTensor invstd, ConstTensor dy, ConstTensor dx, ConstTensor dgamma,
                                  ConstTensor dbeta) {
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
inline void check_group_norm(const char* op, ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd,
                             int groups) {
  const DType master = master_of(x.dtype());
  const std::int64_t images = x.shape()[0], channels = x.shape()[3];
  require(groups > 0 && channels % groups == 0, op, ": ", channels, " channels do not make ", groups, " equal groups");
  check(op, "gamma", gamma, {master, {channels}});
  check(op, "mean", mean, {master, {images, groups}});
  check(op, "invstd", invstd, {master, {images, groups}});
}

inline void check_ascend(ConstTensor theta, ConstTensor g, ConstTensor norm, ConstTensor out) {
  check("ascend", "g", g, theta.type);
  check("ascend", "norm", norm, {DType::f64, {}});
  check("ascend", "out", out, theta.type);
}

inline void check_dot_product(ConstTensor x, ConstTensor y, ConstTensor out) {
  check("dot_product", "y", y, x.type);
  check("dot_product", "out", out, {DType::f64, {}});
}

inline void check_reject(ConstTensor x, ConstTensor y, ConstTensor dot, ConstTensor norm, ConstTensor out) {
  check("reject", "y", y, x.type);
  check("reject", "dot", dot, {DType::f64, {}});
  check("reject", "norm", norm, {DType::f64, {}});
  check("reject", "out", out, x.type);
}

inline void check_add_scaled(ConstTensor factor, ConstTensor x, ConstTensor y) {
  check("add_scaled", "factor", factor, {DType::f64, {}});
  check("add_scaled", "y", y, x.type);
}

inline void check_fill_normal(ConstTensor counters, std::int64_t first, ConstTensor x) {
  check("fill_normal", "counters", counters, {DType::i64, {kStepCounters}});
  check("fill_normal", "x", x, {x.dtype(), x.shape(), Layout::dense});
  require(first >= 0 && first % 4 == 0, "fill_normal: first is ", first, "; it must be a multiple of 4");
}

inline void check_adam(ConstTensor theta, ConstTensor gradient, ConstTensor m, ConstTensor v, ConstTensor scalars) {
  check("adam", "gradient", gradient, theta.type);
  check("adam", "m", m, theta.type);
  check("adam", "v", v, theta.type);
  check("adam", "scalars", scalars, {DType::f64, {kOptimizerScalars}});
}

inline void check_sgd(ConstTensor theta, ConstTensor gradient, ConstTensor velocity, ConstTensor scalars,
                      const SgdSpec& spec) {
  check("sgd", "gradient", gradient, theta.type);
  check_optional("sgd", "velocity", velocity, theta.type);
  require(velocity || spec.momentum == 0, "sgd: momentum ", spec.momentum, " needs a velocity");
  check("sgd", "scalars", scalars, {DType::f64, {kOptimizerScalars}});
}

}  // namespace dgsam
