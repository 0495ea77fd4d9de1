// Frozen batch norm folded into the weights before it, and the gradient; s = 1/sqrt(var + eps), per output channel k:
//   folded_w[k] = gamma[k] s[k] w[k],   folded_b[k] = beta[k] - gamma[k] s[k] mean[k]
//   dw[k] = gamma[k] s[k] dfw[k],   dgamma[k] = s[k] (<w[k], dfw[k]> - mean[k] dfb[k]),   dbeta[k] = dfb[k]
// One warp per row of R·S·C weights. Bytes per weight: 6 (f32 to bf16) and 12. A layer's fold is a few microseconds of
// work or less, so consecutive ones share a launch. folded_b, dfw and dfb may be bf16 where folded_w is.
#include <algorithm>
#include <cmath>
#include <type_traits>

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

/// Which of a layer's operands have the activations' type instead of S.
struct Narrow {
  bool weights = false, bias = false;
};

template <class S>
__device__ S read_as(const void* from, std::int64_t i, bool narrow) {
  return narrow ? static_cast<S>(static_cast<float>(static_cast<const bfloat16*>(from)[i]))
                : static_cast<const S*>(from)[i];
}

template <class S, class T>
struct Fold {
  Statistics<S> of;
  const S *w, *beta;
  T* folded_w;
  void* folded_b;  // S, or T if it is narrow

  template <int kLanes>
  __device__ void row(std::int64_t k, std::int64_t begin, std::int64_t end, Narrow narrow) const {
    const S factor = of.gamma[k] * of.inverse_deviation(k);
    if (threadIdx.x == 0) {
      const S bias = beta[k] - factor * of.mean[k];
      if (narrow.bias) {
        static_cast<T*>(folded_b)[k] = static_cast<T>(static_cast<Master<T>>(bias));
      } else {
        static_cast<S*>(folded_b)[k] = bias;
      }
    }
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
  const S* w;
  const void *dfw, *dfb;  // S, or bf16 where they are narrow
  S *dw, *dgamma, *dbeta;

  template <int kLanes>
  __device__ void row(std::int64_t k, std::int64_t begin, std::int64_t end, Narrow narrow) const {
    if (narrow.weights) {
      row_of<kLanes>(k, begin, end, static_cast<const bfloat16*>(dfw), narrow.bias);
    } else {
      row_of<kLanes>(k, begin, end, static_cast<const S*>(dfw), narrow.bias);
    }
  }

  template <int kLanes, class G>
  __device__ void row_of(std::int64_t k, std::int64_t begin, std::int64_t end, const G* gradients,
                         bool narrow_bias) const {
    const S s = of.inverse_deviation(k), factor = of.gamma[k] * s;
    S product{0};
    for (std::int64_t i = begin + threadIdx.x * kLanes; i < end; i += kWarp * kLanes) {
      const Vector<S, kLanes> weight = load<kLanes>(w + i);
      const Vector<G, kLanes> given = load<kLanes>(gradients + i);
      Vector<S, kLanes> gradient;
      for (int l = 0; l < kLanes; ++l) {
        gradient.lane[l] = static_cast<S>(static_cast<Master<G>>(given.lane[l]));
        product += weight.lane[l] * gradient.lane[l];
        gradient.lane[l] *= factor;
      }
      store(dw + i, gradient);
    }
    const double sum = warp_sum(static_cast<double>(product));
    if (threadIdx.x > 0) return;
    const S bias = read_as<S>(dfb, k, narrow_bias);
    dgamma[k] =
        static_cast<S>(static_cast<double>(s) * (sum - static_cast<double>(of.mean[k]) * static_cast<double>(bias)));
    dbeta[k] = bias;
  }
};

/// So many layers' folds fit into the 4 KiB of a kernel's arguments.
constexpr int kMostFolds = 40;

/// The folds of several layers, and where each one's blocks begin.
template <class Body>
struct FoldTable {
  struct Layer {
    Body body;
    int rows, length;
    unsigned first_block;
    bool vectors;
    Narrow narrow;
  };
  int count = 0;
  Layer layers[kMostFolds];
};

/// layer.body.row<kLanes>(k, begin, end) by a whole warp, for every row of every layer.
template <int kLanes, class Body>
__global__ void fold_kernel(FoldTable<Body> table) {
  int at = table.count - 1;
  while (at > 0 && blockIdx.x < table.layers[at].first_block) --at;
  const auto& layer = table.layers[at];
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x - layer.first_block) * blockDim.y + threadIdx.y;
  if (k >= layer.rows) return;
  const std::int64_t begin = k * layer.length, end = begin + layer.length;
  layer.vectors ? layer.body.template row<kLanes>(k, begin, end, layer.narrow)
                : layer.body.template row<1>(k, begin, end, layer.narrow);
}

/// `tensor` as if it were of type S, where it may have an activation's type instead.
template <class Data>
TensorView<Data> in_master(const char* op, const char* operand, TensorView<Data> tensor, DType master) {
  require(tensor.dtype() == master || (tensor.dtype() == DType::bf16 && master == DType::f32), op, ": ", operand,
          " is ", tensor.type, ", expected ", name_of(master), ", or bf16 for f32");
  tensor.type.dtype = master;
  return tensor;
}

/// Whether two tensors share bytes.
bool overlap(ConstTensor a, ConstTensor b) {
  const auto begin = [](ConstTensor tensor) { return static_cast<const std::byte*>(tensor.data); };
  return a && b && begin(a) < begin(b) + b.bytes() && begin(b) < begin(a) + a.bytes();
}

template <class A, class B>
bool any_overlap(const A& some, const B& others) {
  return std::any_of(some.begin(), some.end(), [&](ConstTensor a) {
    return std::any_of(others.begin(), others.end(), [&](ConstTensor b) { return overlap(a, b); });
  });
}

}  // namespace

void CudaKernelBackend::fold_batch_norm(ConstTensor w, ConstTensor gamma, ConstTensor beta, ConstTensor mean,
                                        ConstTensor var, double eps, Tensor folded_w, Tensor folded_b) {
  constexpr const char* kOp = "fold_batch_norm";
  check_fold_batch_norm(kOp, w, gamma, beta, mean, var, folded_w, in_master(kOp, "folded_b", folded_b, w.dtype()));
  require(folded_b.dtype() == w.dtype() || folded_b.dtype() == folded_w.dtype(), kOp, ": folded_b is ", folded_b.type,
          " for folded weights ", folded_w.type);
  launch_fold_later({false, {w, gamma, beta, mean, var}, {folded_w, folded_b}, eps});
}

void CudaKernelBackend::fold_batch_norm_grad(ConstTensor w, ConstTensor gamma, ConstTensor mean, ConstTensor var,
                                             double eps, ConstTensor dfw, ConstTensor dfb, Tensor dw, Tensor dgamma,
                                             Tensor dbeta) {
  constexpr const char* kOp = "fold_batch_norm_grad";
  check_fold_batch_norm_grad(kOp, w, gamma, mean, var, in_master(kOp, "dfw", dfw, w.dtype()),
                             in_master(kOp, "dfb", dfb, w.dtype()), dw, dgamma, dbeta);
  launch_fold_later({true, {w, gamma, mean, var, dfw, dfb}, {dw, dgamma, dbeta}, eps});
}

void CudaKernelBackend::launch_fold_later(const PendingFold& fold) {
  if (fold.in[0].elements() == 0) return;
  const bool fits = std::all_of(folds_.begin(), folds_.end(), [&](const PendingFold& other) {
    return other.is_gradient == fold.is_gradient && other.in[0].dtype() == fold.in[0].dtype() &&
           other.out[0].dtype() == fold.out[0].dtype() && !any_overlap(fold.in, other.out) &&
           !any_overlap(fold.out, other.in) && !any_overlap(fold.out, other.out);
  });
  if (!fits || folds_.size() == kMostFolds) launch_folds();
  folds_.push_back(fold);
}

void CudaKernelBackend::launch_folds() {
  if (folds_.empty()) return;
  const char* const op = folds_[0].is_gradient ? "fold_batch_norm_grad" : "fold_batch_norm";
  with_master(folds_[0].in[0].dtype(), op,
              [&]<class S>() { with_type(folds_[0].out[0].dtype(), op, [&]<class T>() { launch_folds_as<S, T>(); }); });
  folds_.clear();
}

template <class S, class T>
void CudaKernelBackend::launch_folds_as() {
  const auto launch_table = [&]<int kLanes, class Body>(const char* name, const auto& body_of) {
    FoldTable<Body> table;
    unsigned blocks = 0;
    for (const PendingFold& fold : folds_) {
      const Shape& shape = fold.in[0].shape();
      const auto rows = static_cast<int>(shape[0]), length = static_cast<int>(fold.in[0].elements() / shape[0]);
      const Body body = body_of(fold);
      const bool vectors = length % kLanes == 0 && words_at(fold.in[0].data, fold.in[4].data, fold.out[0].data);
      const DType master = fold.in[0].dtype();
      const ConstTensor bias = fold.is_gradient ? fold.in[5] : ConstTensor(fold.out[1]);
      const Narrow narrow{fold.is_gradient && fold.in[4].dtype() != master, bias.dtype() != master};
      table.layers[table.count++] = {body, rows, length, blocks, vectors, narrow};
      blocks += (static_cast<unsigned>(rows) + kRowsPerBlock - 1) / kRowsPerBlock;
    }
    launch({name, queue_.stream, blocks, dim3(kWarp, kRowsPerBlock)}, fold_kernel<kLanes, Body>, table);
  };
  if (folds_[0].is_gradient) {
    if constexpr (std::is_same_v<S, T>) {
      launch_table.template operator()<kWordLanes<S>, FoldGrad<S>>(
          "fold_batch_norm_grad", [](const PendingFold& fold) -> FoldGrad<S> {
            const auto& [w, gamma, mean, var, dfw, dfb] = fold.in;
            return {{gamma.as<S>(), mean.as<S>(), var.as<S>(), fold.eps},
                    w.as<S>(),
                    dfw.data,
                    dfb.data,
                    fold.out[0].as<S>(),
                    fold.out[1].as<S>(),
                    fold.out[2].as<S>()};
          });
    }
    return;
  }
  launch_table.template operator()<std::max(kWordLanes<S>, kWordLanes<T>), Fold<S, T>>(
      "fold_batch_norm", [](const PendingFold& fold) -> Fold<S, T> {
        const auto& [w, gamma, beta, mean, var, none] = fold.in;
        return {{gamma.as<S>(), mean.as<S>(), var.as<S>(), fold.eps},
                w.as<S>(),
                beta.as<S>(),
                fold.out[0].as<T>(),
                fold.out[1].data};
      });
}

}  // namespace dgsam
