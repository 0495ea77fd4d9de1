// Softmax cross-entropy of x [N,K], one warp per row, all in double:
//   loss = -1/N sum_n log softmax(x[n])[label],   dx = dloss/N · (p - [k = label])
// Bytes per f32 logit: 16 (x three times, p once) forward, 8 backward. A label that is no class makes the loss NaN.
#include <cmath>
#include <limits>

#include "engine/core/operands.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/map.h"
#include "engine/cuda/shared.h"
#include "engine/math/loss.h"

namespace dgsam {
namespace {

constexpr unsigned kRowsPerBlock = 4, kSumThreads = 256;

/// probabilities, and row_loss[n] = -log of the label's probability.
template <class T>
__global__ void softmax_kernel(std::int64_t rows, std::int64_t classes, const T* x, const std::int32_t* labels,
                               double* row_loss, Master<T>* probabilities) {
  const std::int64_t n = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (n >= rows) return;
  const auto logit = [=](std::int64_t k) { return static_cast<double>(static_cast<Master<T>>(x[n * classes + k])); };
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (std::int64_t k = threadIdx.x; k < classes; k += kWarp) largest = logit(k) > largest ? logit(k) : largest;
  largest = warp_max(largest);
  for (std::int64_t k = threadIdx.x; k < classes; k += kWarp) sum += std::exp(logit(k) - largest);
  sum = warp_sum(sum);
  for (std::int64_t k = threadIdx.x; k < classes; k += kWarp) {
    probabilities[n * classes + k] = static_cast<Master<T>>(std::exp(logit(k) - largest) / sum);
  }
  if (threadIdx.x > 0) return;
  const std::int32_t label = labels[n];
  const bool is_class = label >= 0 && label < classes;
  row_loss[n] = is_class ? largest + std::log(sum) - logit(label) : std::numeric_limits<double>::quiet_NaN();
}

template <class S>
__global__ void mean_kernel(std::int64_t rows, const double* row_loss, S* loss) {
  double sum = 0;
  for (std::int64_t n = threadIdx.x; n < rows; n += kSumThreads) sum += row_loss[n];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *loss = static_cast<S>(sum / static_cast<double>(rows));
}

template <class T>
struct LossGrad {
  using S = Master<T>;
  const S *dloss, *probabilities;
  const std::int32_t* labels;
  std::int64_t rows, classes;
  T* dx;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const S scale = *dloss / static_cast<S>(rows);
    dx[i] = static_cast<T>(cross_entropy_grad(probabilities[i], i % classes == labels[i / classes], scale));
  }
};

}  // namespace

void CudaKernelBackend::softmax_cross_entropy(ConstTensor x, ConstTensor labels, Tensor loss, Tensor probabilities) {
  constexpr const char* kOp = "softmax_cross_entropy";
  const std::int64_t rows = x.shape()[0], classes = x.shape().last();
  const DType master = master_of(x.dtype());
  check(kOp, "x", x, {x.dtype(), {rows, classes}});
  check(kOp, "labels", labels, {DType::i32, {rows}});
  check(kOp, "loss", loss, {master, {}});
  check(kOp, "probabilities", probabilities, {master, {rows, classes}});
  auto* const row_loss = static_cast<double*>(scratch(static_cast<std::size_t>(rows) * sizeof(double)));
  with_type(x.dtype(), kOp, [&]<class T>() {
    using S = Master<T>;
    launch({kOp, queue().stream, static_cast<unsigned>((rows + kRowsPerBlock - 1) / kRowsPerBlock),
            dim3(kWarp, kRowsPerBlock)},
           softmax_kernel<T>, rows, classes, x.as<T>(), labels.as<std::int32_t>(), row_loss, probabilities.as<S>());
    launch({kOp, queue().stream, 1, kSumThreads, kSumThreads / kWarp * sizeof(double)}, mean_kernel<S>, rows, row_loss,
           loss.as<S>());
  });
}

void CudaKernelBackend::softmax_cross_entropy_grad(ConstTensor dloss, ConstTensor probabilities, ConstTensor labels,
                                                   Tensor dx) {
  constexpr const char* kOp = "softmax_cross_entropy_grad";
  const std::int64_t rows = dx.shape()[0], classes = dx.shape().last();
  const DType master = master_of(dx.dtype());
  check(kOp, "dx", dx, {dx.dtype(), {rows, classes}});
  check(kOp, "dloss", dloss, {master, {}});
  check(kOp, "probabilities", probabilities, {master, {rows, classes}});
  check(kOp, "labels", labels, {DType::i32, {rows}});
  with_type(dx.dtype(), kOp, [&]<class T>() {
    using S = Master<T>;
    const LossGrad<T> body{dloss.as<S>(), probabilities.as<S>(), labels.as<std::int32_t>(), rows, classes, dx.as<T>()};
    map<1>(queue(), kOp, rows * classes, false, body);
  });
}

}  // namespace dgsam
