// Batch norm with the batch's own statistics, per channel c over M = N·H·W elements:
//   y  = gamma (x - mean)·invstd + beta
//   dx = gamma·invstd (dy - sum dy/M - xhat · sum dy·xhat/M)
// Variances are sums of squared distances from the mean that was found before: two passes for the statistics. Bytes per
// f32 element: 16 forward (x three times), 20 backward.
#include <cmath>

#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/images.h"
#include "engine/math/batch_norm.h"
#include "engine/operand_checks.h"

namespace dgsam {
namespace {

template <class S>
struct StoreMean {
  double count;
  S* mean;

  __device__ void operator()(std::int64_t, std::int64_t c, const double (&sum)[1]) const {
    mean[c] = static_cast<S>(sum[0] / count);
  }
};

template <class T>
struct SquaredDistance {
  const T* x;
  const Master<T>* mean;

  template <int kLanes>
  __device__ void add(std::int64_t offset, std::int64_t, std::int64_t c, Master<T> (&sums)[1][kLanes]) const {
    const Vector<T, kLanes> v = load<kLanes>(x + offset);
    for (int l = 0; l < kLanes; ++l) {
      const Master<T> d = static_cast<Master<T>>(v.lane[l]) - mean[c + l];
      sums[0][l] += d * d;
    }
  }
};

/// invstd, and the running statistics if they move in this pass.
template <class S>
struct StoreDeviation {
  double count, eps;
  S momentum;
  RunningStatistics running;
  const std::int64_t* counters;
  const S* mean;
  S *invstd, *running_mean, *running_var;

  __device__ void operator()(std::int64_t, std::int64_t c, const double (&squares)[1]) const {
    invstd[c] = static_cast<S>(1 / std::sqrt(squares[0] / count + eps));
    const bool first = running == RunningStatistics::first_pass && counters[kCounterPass] == 0;
    if (!first && running != RunningStatistics::every_pass) return;
    const double unbiased = squares[0] / (count > 2 ? count - 1 : 1);
    running_mean[c] = running_average(running_mean[c], mean[c], momentum);
    running_var[c] = running_average(running_var[c], static_cast<S>(unbiased), momentum);
  }
};

template <class T>
struct Normalise {
  using S = Master<T>;
  const T* x;
  const S *mean, *invstd, *gamma, *beta;
  T* y;

  template <int kLanes>
  __device__ void at(std::int64_t offset, std::int64_t, std::int64_t c) const {
    Vector<T, kLanes> v = load<kLanes>(x + offset);
    for (int l = 0; l < kLanes; ++l) {
      const S xhat = normalised(static_cast<S>(v.lane[l]), mean[c + l], invstd[c + l]);
      v.lane[l] = static_cast<T>(gamma[c + l] * xhat + beta[c + l]);
    }
    store(y + offset, v);
  }
};

template <class T>
struct GradientSums {
  using S = Master<T>;
  const T *x, *dy;
  const S *mean, *invstd;

  template <int kLanes>
  __device__ void add(std::int64_t offset, std::int64_t, std::int64_t c, S (&sums)[2][kLanes]) const {
    const Vector<T, kLanes> v = load<kLanes>(x + offset), gradient = load<kLanes>(dy + offset);
    for (int l = 0; l < kLanes; ++l) {
      const S d = static_cast<S>(gradient.lane[l]);
      sums[0][l] += d * normalised(static_cast<S>(v.lane[l]), mean[c + l], invstd[c + l]);
      sums[1][l] += d;
    }
  }
};

template <class S>
struct StoreGradients {
  S *dgamma, *dbeta;

  __device__ void operator()(std::int64_t, std::int64_t c, const double (&sums)[2]) const {
    dgamma[c] = static_cast<S>(sums[0]);
    dbeta[c] = static_cast<S>(sums[1]);
  }
};

template <class T>
struct NormaliseGrad {
  using S = Master<T>;
  const T *x, *dy;
  const S *mean, *invstd, *gamma, *dgamma, *dbeta;
  S share;  // 1/M
  T* dx;

  template <int kLanes>
  __device__ void at(std::int64_t offset, std::int64_t, std::int64_t c) const {
    const Vector<T, kLanes> v = load<kLanes>(x + offset);
    Vector<T, kLanes> d = load<kLanes>(dy + offset);
    for (int l = 0; l < kLanes; ++l) {
      const S scale = gamma[c + l], xhat = normalised(static_cast<S>(v.lane[l]), mean[c + l], invstd[c + l]);
      d.lane[l] = static_cast<T>(normalised_grad(scale * static_cast<S>(d.lane[l]), xhat, invstd[c + l],
                                                 scale * dbeta[c + l] * share, scale * dgamma[c + l] * share));
    }
    store(dx + offset, d);
  }
};

}  // namespace

void CudaKernelBackend::batch_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor running_mean,
                                   Tensor running_var, ConstTensor counters, Tensor y, Tensor mean, Tensor invstd,
                                   const BatchNormSpec& spec) {
  constexpr const char* kOp = "batch_norm";
  check_dense_image(kOp, "x", x);
  check_batch_norm(kOp, x, gamma, beta, running_mean, running_var, counters, y, mean, invstd, spec.running);
  with_type(x.dtype(), kOp, [&]<class T>() {
    using S = Master<T>;
    constexpr int kLanes = kWordLanes<T>;
    const T* from = x.as<T>();
    S *centre = mean.as<S>(), *inverse = invstd.as<S>();
    const Columns columns = all_rows(x, words_at(from, y.as<T>()));
    const auto count = static_cast<double>(columns.rows);
    void* memory = scratch(column_sums_bytes<S>(columns, 1));
    column_sums<kLanes, 1, S>(queue(), kOp, columns, memory, PlainSum<T>{from}, StoreMean<S>{count, centre});
    const bool moves = spec.running != RunningStatistics::never;
    const StoreDeviation<S> deviation{.count = count,
                                      .eps = spec.eps,
                                      .momentum = static_cast<S>(spec.momentum),
                                      .running = spec.running,
                                      .counters = counters.as<std::int64_t>(),
                                      .mean = centre,
                                      .invstd = inverse,
                                      .running_mean = moves ? running_mean.as<S>() : nullptr,
                                      .running_var = moves ? running_var.as<S>() : nullptr};
    column_sums<kLanes, 1, S>(queue(), kOp, columns, memory, SquaredDistance<T>{from, centre}, deviation);
    const Normalise<T> normalise{from, centre, inverse, gamma.as<S>(), beta.as<S>(), y.as<T>()};
    column_map<kLanes>(queue(), kOp, columns, normalise);
  });
}

void CudaKernelBackend::batch_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd,
                                        ConstTensor dy, Tensor dx, Tensor dgamma, Tensor dbeta) {
  constexpr const char* kOp = "batch_norm_grad";
  check_dense_image(kOp, "x", x);
  check_batch_norm_grad(kOp, x, gamma, mean, invstd, dy, dx, dgamma, dbeta);
  with_type(x.dtype(), kOp, [&]<class T>() {
    using S = Master<T>;
    constexpr int kLanes = kWordLanes<T>;
    const T *from = x.as<T>(), *gradient = dy.as<T>();
    const S *centre = mean.as<S>(), *inverse = invstd.as<S>();
    const Columns columns = all_rows(x, words_at(from, gradient, dx.as<T>()));
    column_sums<kLanes, 2, S>(queue(), kOp, columns, scratch(column_sums_bytes<S>(columns, 2)),
                              GradientSums<T>{from, gradient, centre, inverse},
                              StoreGradients<S>{dgamma.as<S>(), dbeta.as<S>()});
    const NormaliseGrad<T> normalise{from,          gradient,       centre,        inverse,
                                     gamma.as<S>(), dgamma.as<S>(), dbeta.as<S>(), 1 / static_cast<S>(columns.rows),
                                     dx.as<T>()};
    column_map<kLanes>(queue(), kOp, columns, normalise);
  });
}

}  // namespace dgsam
