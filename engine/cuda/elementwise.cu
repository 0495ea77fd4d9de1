// relu y = max(x, 0), add y = a + b, cast, fill. Bytes per f32 element: 8, 12, 8 (6 to bf16), 4.
#include "engine/core/operands.h"
#include "engine/cuda/cast.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/map.h"
#include "engine/math/elementwise.h"

namespace dgsam {
namespace {

template <class T>
struct Relu {
  const T* x;
  T* y;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    Vector<T, kLanes> v = load<kLanes>(x + i);
    for (T& value : v.lane) value = static_cast<T>(relu_of(static_cast<Master<T>>(value)));
    store(y + i, v);
  }
};

template <class T>
struct Add {
  const T *a, *b;
  T* y;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    Vector<T, kLanes> sum = load<kLanes>(a + i);
    const Vector<T, kLanes> other = load<kLanes>(b + i);
    for (int l = 0; l < kLanes; ++l) {
      sum.lane[l] = static_cast<T>(static_cast<Master<T>>(sum.lane[l]) + static_cast<Master<T>>(other.lane[l]));
    }
    store(y + i, sum);
  }
};

/// f64 goes to bf16 by way of f32.
template <class From, class To>
struct Cast {
  const From* x;
  To* y;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const Vector<From, kLanes> from = load<kLanes>(x + i);
    Vector<To, kLanes> to;
    for (int l = 0; l < kLanes; ++l) {
      to.lane[l] = static_cast<To>(static_cast<Master<To>>(static_cast<Master<From>>(from.lane[l])));
    }
    store(y + i, to);
  }
};

template <class T>
struct Fill {
  T* y;
  T value;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    Vector<T, kLanes> v;
    for (T& element : v.lane) element = value;
    store(y + i, v);
  }
};

}  // namespace

void CudaKernelBackend::relu(ConstTensor x, Tensor y) {
  check("relu", "y", y, x.type);
  with_type(x.dtype(), "relu", [&]<class T>() {
    const Relu<T> body{x.as<T>(), y.as<T>()};
    map<kWordLanes<T>>(queue(), "relu", x.elements(), words_at(body.x, body.y), body);
  });
}

void CudaKernelBackend::add(ConstTensor a, ConstTensor b, Tensor y) {
  check("add", "b", b, a.type);
  check("add", "y", y, a.type);
  with_type(a.dtype(), "add", [&]<class T>() {
    const Add<T> body{a.as<T>(), b.as<T>(), y.as<T>()};
    map<kWordLanes<T>>(queue(), "add", a.elements(), words_at(body.a, body.b, body.y), body);
  });
}

void cast_elements(const Queue& queue, ConstTensor x, Tensor y) {
  check("cast", "y", y, {y.dtype(), x.shape(), x.type.layout});
  with_type(x.dtype(), "cast", [&]<class From>() {
    with_type(y.dtype(), "cast", [&]<class To>() {
      const Cast<From, To> body{x.as<From>(), y.as<To>()};
      constexpr int kLanes = std::max(kWordLanes<From>, kWordLanes<To>);
      map<kLanes>(queue, "cast", x.elements(), words_at(body.x, body.y), body);
    });
  });
}

void CudaKernelBackend::cast(ConstTensor x, Tensor y) { cast_elements(queue(), x, y); }

void CudaKernelBackend::fill(Tensor x, double value) {
  with_type(x.dtype(), "fill", [&]<class T>() {
    const Fill<T> body{x.as<T>(), static_cast<T>(static_cast<Master<T>>(value))};
    map<kWordLanes<T>>(queue(), "fill", x.elements(), words_at(body.y), body);
  });
}

}  // namespace dgsam
