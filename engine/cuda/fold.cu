// Frozen batch norm folded into the weights before it, and the gradient; s = 1/sqrt(var + eps), per output channel k:
//   folded_w[k] = gamma[k] s[k] w[k],   folded_b[k] = beta[k] - gamma[k] s[k] mean[k]
//   dw[k] = gamma[k] s[k] dfw[k],   dgamma[k] = s[k] (<w[k], dfw[k]> - mean[k] dfb[k]),   dbeta[k] = dfb[k]
// One warp per row of R·S·C weights. Bytes per weight: 6 (f32 to bf16) and 12.
#include <cmath>

#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/map.h"
#include "engine/cuda/shared.h"
#include "engine/operand_checks.h"

namespace dgsam {
namespace {

constexpr unsigned kRowsPerBlock = 4;

template <class S>
struct Statistics {
  const S *gamma, *mean, *var;
  double eps;

  __device__ S inverse_deviation(std::int64_t k) const {
    return static_cast<S>(1 / std::sqrt(static_cast<double>(var[k]) + eps));
  }
};

template <class S, class T>
struct Fold {
  Statistics<S> of;
  const S *w, *beta;
  T* folded_w;
  S* folded_b;

  template <int kLanes>
  __device__ void row(std::int64_t k, std::int64_t begin, std::int64_t end) const {
    const S factor = of.gamma[k] * of.inverse_deviation(k);
    if (threadIdx.x == 0) folded_b[k] = beta[k] - factor * of.mean[k];
    for (std::int64_t i = begin + threadIdx.x * kLanes; i < end; i += kWarp * kLanes) {
      const Vector<S, kLanes> from = load<kLanes>(w + i);
      Vector<T, kLanes> to;
      for (int l = 0; l < kLanes; ++l) to.lane[l] = static_cast<T>(static_cast<Master<T>>(factor * from.lane[l]));
      store(folded_w + i, to);
    }
  }
};

template <class S>
struct FoldGrad {
  Statistics<S> of;
  const S *w, *dfw, *dfb;
  S *dw, *dgamma, *dbeta;

  template <int kLanes>
  __device__ void row(std::int64_t k, std::int64_t begin, std::int64_t end) const {
    const S s = of.inverse_deviation(k), factor = of.gamma[k] * s;
    S product{0};
    for (std::int64_t i = begin + threadIdx.x * kLanes; i < end; i += kWarp * kLanes) {
      const Vector<S, kLanes> weight = load<kLanes>(w + i);
      Vector<S, kLanes> gradient = load<kLanes>(dfw + i);
      for (int l = 0; l < kLanes; ++l) {
        product += weight.lane[l] * gradient.lane[l];
        gradient.lane[l] *= factor;
      }
      store(dw + i, gradient);
    }
    const double sum = warp_sum(static_cast<double>(product));
    if (threadIdx.x > 0) return;
    const S bias = dfb[k];
    dgamma[k] =
        static_cast<S>(static_cast<double>(s) * (sum - static_cast<double>(of.mean[k]) * static_cast<double>(bias)));
    dbeta[k] = bias;
  }
};

/// body.row<kLanes>(k, begin, end) by a whole warp, for every row.
template <int kLanes, class Body>
__global__ void row_kernel(std::int64_t rows, std::int64_t length, Body body) {
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (k < rows) body.template row<kLanes>(k, k * length, (k + 1) * length);
}

template <int kLanes, class Body>
void for_each_row(const Queue& queue, const char* name, std::int64_t rows, std::int64_t length, bool vectors,
                  const Body& body) {
  if (rows == 0) return;
  const Launch how{name, queue.stream, static_cast<unsigned>((rows + kRowsPerBlock - 1) / kRowsPerBlock),
                   dim3(kWarp, kRowsPerBlock)};
  if (vectors && length % kLanes == 0) return launch(how, row_kernel<kLanes, Body>, rows, length, body);
  launch(how, row_kernel<1, Body>, rows, length, body);
}

}  // namespace

void CudaKernelBackend::fold_batch_norm(const Tensor& w, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                                        const Tensor& var, double eps, const Tensor& folded_w, const Tensor& folded_b) {
  constexpr const char* kOp = "fold_batch_norm";
  const std::int64_t outputs = w.shape()[0], row = w.elements() / std::max<std::int64_t>(1, outputs);
  check_fold_batch_norm(kOp, w, gamma, beta, mean, var, folded_w, folded_b);
  with_master(w.dtype(), kOp, [&]<class S>() {
    with_type(folded_w.dtype(), kOp, [&]<class T>() {
      const Fold<S, T> body{
          {gamma.as<S>(), mean.as<S>(), var.as<S>(), eps}, w.as<S>(), beta.as<S>(), folded_w.as<T>(), folded_b.as<S>()};
      constexpr int kLanes = std::max(kWordLanes<S>, kWordLanes<T>);
      for_each_row<kLanes>(queue(), kOp, outputs, row, words_at(body.w, body.folded_w), body);
    });
  });
}

void CudaKernelBackend::fold_batch_norm_grad(const Tensor& w, const Tensor& gamma, const Tensor& mean,
                                             const Tensor& var, double eps, const Tensor& dfw, const Tensor& dfb,
                                             const Tensor& dw, const Tensor& dgamma, const Tensor& dbeta) {
  constexpr const char* kOp = "fold_batch_norm_grad";
  const std::int64_t outputs = w.shape()[0], row = w.elements() / std::max<std::int64_t>(1, outputs);
  check_fold_batch_norm_grad(kOp, w, gamma, mean, var, dfw, dfb, dw, dgamma, dbeta);
  with_master(w.dtype(), kOp, [&]<class S>() {
    const FoldGrad<S> body{{gamma.as<S>(), mean.as<S>(), var.as<S>(), eps},
                           w.as<S>(),
                           dfw.as<S>(),
                           dfb.as<S>(),
                           dw.as<S>(),
                           dgamma.as<S>(),
                           dbeta.as<S>()};
    for_each_row<kWordLanes<S>>(queue(), kOp, outputs, row, words_at(body.w, body.dfw, body.dw), body);
  });
}

}  // namespace dgsam
