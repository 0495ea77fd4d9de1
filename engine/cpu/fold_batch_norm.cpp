// Frozen batch norm folded into the weights before it: over parameters only, one row of R·S·C weights per channel.
#include <cmath>

#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/parallel.h"
#include "engine/operand_checks.h"

namespace dgsam {
namespace {

/// Sum of a[i] b[i]: 16 interleaved lanes of T, added up in order in double.
template <class T>
double dot(const T* a, const T* b, std::int64_t count) {
  constexpr std::int64_t kLanes = 16;
  T lane[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    DGSAM_INDEPENDENT_ITERATIONS
    for (std::int64_t j = 0; j < kLanes; ++j) lane[j] += a[i + j] * b[i + j];
  }
  double sum = 0;
  for (; i < count; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  for (const T part : lane) sum += static_cast<double>(part);
  return sum;
}

template <class T>
T inverse_deviation(T var, double eps) {
  return static_cast<T>(1 / std::sqrt(static_cast<double>(var) + eps));
}

}  // namespace

void CpuBackend::fold_batch_norm(ConstTensor w, ConstTensor gamma, ConstTensor beta, ConstTensor mean, ConstTensor var,
                                 double eps, Tensor folded_w, Tensor folded_b) {
  constexpr const char* kOp = "fold_batch_norm";
  const std::int64_t outputs = w.shape()[0], row = w.elements() / std::max<std::int64_t>(1, outputs);
  check_fold_batch_norm(kOp, w, gamma, beta, mean, var, folded_w, folded_b);
  with_master(w.dtype(), kOp, [&]<class S>() {
    with_type(folded_w.dtype(), kOp, [&]<class T>() {
      const S *from = w.as<S>(), *scale = gamma.as<S>(), *variance = var.as<S>();
      const S *shift = beta.as<S>(), *centre = mean.as<S>();
      T* to = folded_w.as<T>();
      S* bias = folded_b.as<S>();
      parallel_for(threads_, outputs, [=](std::int64_t k) {
        const S factor = scale[k] * inverse_deviation(variance[k], eps);
        bias[k] = shift[k] - factor * centre[k];
        DGSAM_INDEPENDENT_ITERATIONS
        for (std::int64_t i = k * row; i < (k + 1) * row; ++i) {
          to[i] = static_cast<T>(static_cast<Master<T>>(factor * from[i]));
        }
      });
    });
  });
}

void CpuBackend::fold_batch_norm_grad(ConstTensor w, ConstTensor gamma, ConstTensor mean, ConstTensor var, double eps,
                                      ConstTensor dfw, ConstTensor dfb, Tensor dw, Tensor dgamma, Tensor dbeta) {
  constexpr const char* kOp = "fold_batch_norm_grad";
  const std::int64_t outputs = w.shape()[0], row = w.elements() / std::max<std::int64_t>(1, outputs);
  check_fold_batch_norm_grad(kOp, w, gamma, mean, var, dfw, dfb, dw, dgamma, dbeta);
  with_master(w.dtype(), kOp, [&]<class S>() {
    const S *weights = w.as<S>(), *scale = gamma.as<S>(), *centre = mean.as<S>(), *variance = var.as<S>();
    const S *folded = dfw.as<S>(), *folded_bias = dfb.as<S>();
    S *to = dw.as<S>(), *scale_grad = dgamma.as<S>(), *shift_grad = dbeta.as<S>();
    parallel_for(threads_, outputs, [=](std::int64_t k) {
      const S s = inverse_deviation(variance[k], eps), factor = scale[k] * s, bias_grad = folded_bias[k];
      const double product = dot(weights + k * row, folded + k * row, row);
      scale_grad[k] = static_cast<S>(static_cast<double>(s) *
                                     (product - static_cast<double>(centre[k]) * static_cast<double>(bias_grad)));
      shift_grad[k] = bias_grad;
      DGSAM_INDEPENDENT_ITERATIONS
      for (std::int64_t i = k * row; i < (k + 1) * row; ++i) to[i] = factor * folded[i];
    });
  });
}

}  // namespace dgsam
