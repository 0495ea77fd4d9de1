// dz = (dy + dy2) ⊙ [y > 0], db = column sums of dz, in one pass. Bytes per f32 element: 4 to 16, by operands.
#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/images.h"
#include "engine/cuda/relu.h"
#include "engine/math/elementwise.h"

namespace dgsam {
namespace {

/// dy2, y and dz may be null.
template <class T>
struct BiasReluGrad {
  using S = Master<T>;
  const T *dy, *dy2, *y;
  T* dz;

  template <int kLanes>
  __device__ Vector<S, kLanes> gradient(std::int64_t i) const {
    const Vector<T, kLanes> first = load<kLanes>(dy + i);
    Vector<S, kLanes> d;
    for (int l = 0; l < kLanes; ++l) d.lane[l] = static_cast<S>(first.lane[l]);
    if (dy2) {
      const Vector<T, kLanes> second = load<kLanes>(dy2 + i);
      for (int l = 0; l < kLanes; ++l) d.lane[l] += static_cast<S>(second.lane[l]);
    }
    if (y) {
      const Vector<T, kLanes> output = load<kLanes>(y + i);
      for (int l = 0; l < kLanes; ++l) d.lane[l] = relu_grad_of(d.lane[l], static_cast<S>(output.lane[l]));
    }
    if (dz) {
      Vector<T, kLanes> to;
      for (int l = 0; l < kLanes; ++l) to.lane[l] = static_cast<T>(d.lane[l]);
      store(dz + i, to);
    }
    return d;
  }

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    gradient<kLanes>(i);
  }

  template <int kLanes>
  __device__ void add(std::int64_t offset, std::int64_t, std::int64_t, S (&sums)[1][kLanes]) const {
    const Vector<S, kLanes> d = gradient<kLanes>(offset);
    for (int l = 0; l < kLanes; ++l) sums[0][l] += d.lane[l];
  }
};

/// Of type S or bf16.
template <class To>
struct StoreSum {
  To* to;

  __device__ void operator()(std::int64_t, std::int64_t column, const double (&sum)[1]) const {
    to[column] = static_cast<To>(static_cast<Master<To>>(sum[0]));
  }
};

}  // namespace

std::size_t relu_grad_bytes(const Type& dy) {
  const Columns columns = all_rows({nullptr, dy}, true);
  return dy.dtype == DType::f64 ? column_sums_bytes<double>(columns, 1) : column_sums_bytes<float>(columns, 1);
}

void relu_grad(const Queue& queue, ConstTensor dy, ConstTensor dy2, ConstTensor y, Tensor dz, Tensor db, void* memory) {
  constexpr const char* kOp = "bias_relu_grad";
  with_type(dy.dtype(), kOp, [&]<class T>() {
    using S = Master<T>;
    const BiasReluGrad<T> body{dy.as<T>(), dy2 ? dy2.as<T>() : nullptr, y ? y.as<T>() : nullptr,
                               dz ? dz.as<T>() : nullptr};
    const bool vectors = words_at(body.dy, body.dy2, body.y, body.dz);
    if (!db) return map<kWordLanes<T>>(queue, kOp, dy.elements(), vectors, body);
    if (db.dtype() == DType::bf16) {
      column_sums<kWordLanes<T>, 1, S>(queue, kOp, all_rows(dy, vectors), memory, body,
                                       StoreSum<bfloat16>{db.as<bfloat16>()});
    } else {
      column_sums<kWordLanes<T>, 1, S>(queue, kOp, all_rows(dy, vectors), memory, body, StoreSum<S>{db.as<S>()});
    }
  });
}

void CudaKernelBackend::bias_relu_grad(ConstTensor dy, ConstTensor dy2, ConstTensor y, Tensor dz, Tensor db) {
  constexpr const char* kOp = "bias_relu_grad";
  check_dense_image(kOp, "dy", dy, true);
  check_optional(kOp, "dy2", dy2, dy.type);
  check_optional(kOp, "y", y, dy.type);
  check_optional(kOp, "dz", dz, dy.type);
  check_optional(kOp, "db", db, {master_of(dy.dtype()), {dy.shape().last()}});
  void* const memory = db ? scratch(relu_grad_bytes(dy.type)) : nullptr;
  relu_grad(queue(), dy, dy2, y, dz, db, memory);
}

}  // namespace dgsam
