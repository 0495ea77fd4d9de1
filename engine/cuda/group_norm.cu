// Group norm, per image n and group g of C/groups channels, M = H·W·C/groups elements:
//   y  = gamma (x - mean)·invstd + beta
//   dx = invstd (gamma dy - a - xhat·b),   a = 1/M sum gamma dy,   b = 1/M sum gamma dy·xhat
// by way of sums per image and channel, in double, which a warp per group then adds up. Bytes per f32 element: 16
// forward, 20 backward.
#include <cmath>

#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/images.h"
#include "engine/math/batch_norm.h"
#include "engine/operand_checks.h"

namespace dgsam {
namespace {

/// Which statistics a channel of an image has.
struct Groups {
  std::int64_t images, channels, groups, of_group;  ///< of_group: channels in a group

  __device__ std::int64_t of(std::int64_t n, std::int64_t c) const { return n * groups + c / of_group; }
};

/// Channel sums [images][kSums][channels].
template <int kSums>
struct StoreSums {
  std::int64_t channels;
  double* sums;

  __device__ void operator()(std::int64_t n, std::int64_t c, const double (&sum)[kSums]) const {
    for (int k = 0; k < kSums; ++k) sums[(n * kSums + k) * channels + c] = sum[k];
  }
};

template <class T>
struct SquaredDistance {
  const T* x;
  const Master<T>* mean;
  Groups groups;

  template <int kLanes>
  __device__ void add(std::int64_t offset, std::int64_t n, std::int64_t c, Master<T> (&sums)[1][kLanes]) const {
    const Vector<T, kLanes> v = load<kLanes>(x + offset);
    for (int l = 0; l < kLanes; ++l) {
      const Master<T> d = static_cast<Master<T>>(v.lane[l]) - mean[groups.of(n, c + l)];
      sums[0][l] += d * d;
    }
  }
};

template <class T>
struct GradientSums {
  using S = Master<T>;
  const T *x, *dy;
  const S *mean, *invstd;
  Groups groups;

  template <int kLanes>
  __device__ void add(std::int64_t offset, std::int64_t n, std::int64_t c, S (&sums)[2][kLanes]) const {
    const Vector<T, kLanes> v = load<kLanes>(x + offset), gradient = load<kLanes>(dy + offset);
    for (int l = 0; l < kLanes; ++l) {
      const std::int64_t g = groups.of(n, c + l);
      const S d = static_cast<S>(gradient.lane[l]);
      sums[0][l] += d * normalised(static_cast<S>(v.lane[l]), mean[g], invstd[g]);
      sums[1][l] += d;
    }
  }
};

/// finish(i, sums) with the sums over the channels of group i = n·groups + g, weighted by `weight` unless it is null.
/// One warp per group.
template <int kSums, class S, class Finish>
__global__ void group_kernel(Groups groups, const double* channel_sums, const S* weight, Finish finish) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (i >= groups.images * groups.groups) return;
  const std::int64_t n = i / groups.groups, first = i % groups.groups * groups.of_group;
  double sums[kSums] = {};
  for (std::int64_t c = first + threadIdx.x; c < first + groups.of_group; c += kWarp) {
    for (int k = 0; k < kSums; ++k) {
      const double factor = weight ? static_cast<double>(weight[c]) : 1.0;
      sums[k] += factor * channel_sums[(n * kSums + k) * groups.channels + c];
    }
  }
  for (double& sum : sums) sum = warp_sum(sum);
  if (threadIdx.x == 0) finish(i, sums);
}

template <int kSums, class S, class Finish>
void sum_groups(const Queue& queue, const char* name, const Groups& groups, const double* channel_sums, const S* weight,
                const Finish& finish) {
  constexpr unsigned kGroupsPerBlock = 4;
  const auto blocks = (groups.images * groups.groups + kGroupsPerBlock - 1) / kGroupsPerBlock;
  launch({name, queue.stream, static_cast<unsigned>(blocks), dim3(kWarp, kGroupsPerBlock)},
         group_kernel<kSums, S, Finish>, groups, channel_sums, weight, finish);
}

template <class S>
struct StoreMean {
  double count;
  S* mean;

  __device__ void operator()(std::int64_t i, const double (&sum)[1]) const { mean[i] = static_cast<S>(sum[0] / count); }
};

template <class S>
struct StoreDeviation {
  double count, eps;
  S* invstd;

  __device__ void operator()(std::int64_t i, const double (&squares)[1]) const {
    invstd[i] = static_cast<S>(1 / std::sqrt(squares[0] / count + eps));
  }
};

/// What normalised_grad() subtracts.
template <class S>
struct StoreShares {
  double share;  // 1/M
  S *a, *b;

  __device__ void operator()(std::int64_t i, const double (&sums)[2]) const {
    b[i] = static_cast<S>(share * sums[0]);
    a[i] = static_cast<S>(share * sums[1]);
  }
};

/// dgamma and dbeta: the sums over images.
template <class S>
struct SumImages {
  std::int64_t images, channels;
  const double* channel_sums;
  S *dgamma, *dbeta;

  template <int kLanes>
  __device__ void at(std::int64_t c) const {
    double scale = 0, shift = 0;
    for (std::int64_t n = 0; n < images; ++n) {
      scale += channel_sums[2 * n * channels + c];
      shift += channel_sums[(2 * n + 1) * channels + c];
    }
    dgamma[c] = static_cast<S>(scale);
    dbeta[c] = static_cast<S>(shift);
  }
};

template <class T>
struct Normalise {
  using S = Master<T>;
  const T* x;
  const S *mean, *invstd, *gamma, *beta;
  T* y;
  Groups groups;

  template <int kLanes>
  __device__ void at(std::int64_t offset, std::int64_t n, std::int64_t c) const {
    Vector<T, kLanes> v = load<kLanes>(x + offset);
    for (int l = 0; l < kLanes; ++l) {
      const std::int64_t g = groups.of(n, c + l);
      const S xhat = normalised(static_cast<S>(v.lane[l]), mean[g], invstd[g]);
      v.lane[l] = static_cast<T>(gamma[c + l] * xhat + beta[c + l]);
    }
    store(y + offset, v);
  }
};

template <class T>
struct NormaliseGrad {
  using S = Master<T>;
  const T *x, *dy;
  const S *mean, *invstd, *gamma, *a, *b;
  T* dx;
  Groups groups;

  template <int kLanes>
  __device__ void at(std::int64_t offset, std::int64_t n, std::int64_t c) const {
    const Vector<T, kLanes> v = load<kLanes>(x + offset);
    Vector<T, kLanes> d = load<kLanes>(dy + offset);
    for (int l = 0; l < kLanes; ++l) {
      const std::int64_t g = groups.of(n, c + l);
      const S xhat = normalised(static_cast<S>(v.lane[l]), mean[g], invstd[g]);
      d.lane[l] =
          static_cast<T>(normalised_grad(gamma[c + l] * static_cast<S>(d.lane[l]), xhat, invstd[g], a[g], b[g]));
    }
    store(dx + offset, d);
  }
};

Groups checked_groups(const char* op, ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd,
                      int groups) {
  check_dense_image(op, "x", x);
  check_group_norm(op, x, gamma, mean, invstd, groups);
  const std::int64_t channels = x.shape()[3];
  return {x.shape()[0], channels, groups, channels / groups};
}

std::size_t round_up(std::size_t bytes) { return (bytes + 15) / 16 * 16; }

}  // namespace

void CudaKernelBackend::group_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor y, Tensor mean,
                                   Tensor invstd, int group_count, double eps) {
  constexpr const char* kOp = "group_norm";
  const Groups groups = checked_groups(kOp, x, gamma, mean, invstd, group_count);
  check(kOp, "beta", beta, gamma.type);
  check(kOp, "y", y, x.type);
  with_type(x.dtype(), kOp, [&]<class T>() {
    using S = Master<T>;
    constexpr int kLanes = kWordLanes<T>;
    const T* from = x.as<T>();
    S *centre = mean.as<S>(), *inverse = invstd.as<S>();
    const S* const no_weight = nullptr;
    const Columns columns = rows_of_images(x, words_at(from, y.as<T>()));
    const auto count = static_cast<double>(columns.rows * groups.of_group);
    const std::size_t partial_bytes = round_up(column_sums_bytes<S>(columns, 1));
    const auto sums_bytes = static_cast<std::size_t>(groups.images * groups.channels) * sizeof(double);
    auto* const partial = static_cast<std::byte*>(scratch(partial_bytes + sums_bytes));
    auto* const sums = reinterpret_cast<double*>(partial + partial_bytes);
    const StoreSums<1> keep{groups.channels, sums};
    column_sums<kLanes, 1, S>(queue(), kOp, columns, partial, PlainSum<T>{from}, keep);
    sum_groups<1>(queue(), kOp, groups, sums, no_weight, StoreMean<S>{count, centre});
    column_sums<kLanes, 1, S>(queue(), kOp, columns, partial, SquaredDistance<T>{from, centre, groups}, keep);
    sum_groups<1>(queue(), kOp, groups, sums, no_weight, StoreDeviation<S>{count, eps, inverse});
    const Normalise<T> normalise{from, centre, inverse, gamma.as<S>(), beta.as<S>(), y.as<T>(), groups};
    column_map<kLanes>(queue(), kOp, columns, normalise);
  });
}

void CudaKernelBackend::group_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd,
                                        ConstTensor dy, Tensor dx, Tensor dgamma, Tensor dbeta, int group_count) {
  constexpr const char* kOp = "group_norm_grad";
  const Groups groups = checked_groups(kOp, x, gamma, mean, invstd, group_count);
  check(kOp, "dy", dy, x.type);
  check(kOp, "dx", dx, x.type);
  check(kOp, "dgamma", dgamma, gamma.type);
  check(kOp, "dbeta", dbeta, gamma.type);
  with_type(x.dtype(), kOp, [&]<class T>() {
    using S = Master<T>;
    constexpr int kLanes = kWordLanes<T>;
    const T *from = x.as<T>(), *gradient = dy.as<T>();
    const S *centre = mean.as<S>(), *inverse = invstd.as<S>(), *scale = gamma.as<S>();
    const Columns columns = rows_of_images(x, words_at(from, gradient, dx.as<T>()));
    const std::size_t partial_bytes = round_up(column_sums_bytes<S>(columns, 2));
    const auto sums_bytes = static_cast<std::size_t>(2 * groups.images * groups.channels) * sizeof(double);
    const auto share_bytes = static_cast<std::size_t>(2 * groups.images * groups.groups) * sizeof(S);
    auto* const partial = static_cast<std::byte*>(scratch(partial_bytes + sums_bytes + share_bytes));
    auto* const sums = reinterpret_cast<double*>(partial + partial_bytes);
    S* const a = reinterpret_cast<S*>(partial + partial_bytes + sums_bytes);
    S* const b = a + groups.images * groups.groups;
    column_sums<kLanes, 2, S>(queue(), kOp, columns, partial, GradientSums<T>{from, gradient, centre, inverse, groups},
                              StoreSums<2>{groups.channels, sums});
    const SumImages<S> totals{groups.images, groups.channels, sums, dgamma.as<S>(), dbeta.as<S>()};
    map<1>(queue(), kOp, groups.channels, false, totals);
    const double share = 1 / static_cast<double>(columns.rows * groups.of_group);
    sum_groups<2>(queue(), kOp, groups, sums, scale, StoreShares<S>{share, a, b});
    const NormaliseGrad<T> normalise{from, gradient, centre, inverse, scale, a, b, dx.as<T>(), groups};
    column_map<kLanes>(queue(), kOp, columns, normalise);
  });
}

}  // namespace dgsam
