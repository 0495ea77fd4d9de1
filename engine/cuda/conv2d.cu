// Convolution as plain loops: one thread per element of the result, sums in the master type (the
// weight gradient's in double, because it has the most terms). Correct for every type and shape, and slow: what is left
// for them is what no library takes.
#include "engine/cuda/checks.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/map.h"
#include "engine/math/elementwise.h"

namespace dgsam {
namespace {

/// y = act(b + z + x * w); b and z may be null.
template <class T>
struct Forward {
  using S = Master<T>;
  ConvGeometry of;
  const T *x, *w;
  const void* b;  // S, or T if it is narrow
  bool narrow_b;
  const T* z;
  T* y;
  bool relu;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const std::int64_t k = i % of.k, q = i / of.k % of.q, p = i / of.k / of.q % of.p, n = i / of.k / of.q / of.p;
    S sum{0};
    for (std::int64_t r = 0; r < of.r; ++r) {
      const std::int64_t h = p * of.stride + r - of.padding;
      if (h < 0 || h >= of.h) continue;
      for (std::int64_t s = 0; s < of.s; ++s) {
        const std::int64_t column = q * of.stride + s - of.padding;
        if (column < 0 || column >= of.w) continue;
        const T* const pixel = x + ((n * of.h + h) * of.w + column) * of.c;
        const T* const filter = w + ((k * of.r + r) * of.s + s) * of.c;
        for (std::int64_t c = 0; c < of.c; ++c) sum += static_cast<S>(pixel[c]) * static_cast<S>(filter[c]);
      }
    }
    if (b) sum += narrow_b ? static_cast<S>(static_cast<const T*>(b)[k]) : static_cast<const S*>(b)[k];
    if (z) sum += static_cast<S>(z[i]);
    y[i] = static_cast<T>(relu ? relu_of(sum) : sum);
  }
};

template <class T>
struct DataGrad {
  using S = Master<T>;
  ConvGeometry of;
  const T *dy, *w;
  T* dx;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const std::int64_t c = i % of.c, column = i / of.c % of.w, h = i / of.c / of.w % of.h, n = i / of.c / of.w / of.h;
    S sum{0};
    for (std::int64_t r = 0; r < of.r; ++r) {
      const std::int64_t p = (h + of.padding - r) / of.stride;
      if (p * of.stride != h + of.padding - r || p < 0 || p >= of.p) continue;
      for (std::int64_t s = 0; s < of.s; ++s) {
        const std::int64_t q = (column + of.padding - s) / of.stride;
        if (q * of.stride != column + of.padding - s || q < 0 || q >= of.q) continue;
        const T* const gradient = dy + ((n * of.p + p) * of.q + q) * of.k;
        const T* const filter = w + (r * of.s + s) * of.c + c;
        for (std::int64_t k = 0; k < of.k; ++k) {
          sum += static_cast<S>(gradient[k]) * static_cast<S>(filter[k * of.r * of.s * of.c]);
        }
      }
    }
    dx[i] = static_cast<T>(sum);
  }
};

template <class T, class To>
struct WeightGrad {
  ConvGeometry of;
  const T *x, *dy;
  To* dw;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const std::int64_t c = i % of.c, s = i / of.c % of.s, r = i / of.c / of.s % of.r, k = i / of.c / of.s / of.r;
    double sum = 0;
    for (std::int64_t n = 0; n < of.n; ++n) {
      for (std::int64_t p = 0; p < of.p; ++p) {
        const std::int64_t h = p * of.stride + r - of.padding;
        if (h < 0 || h >= of.h) continue;
        for (std::int64_t q = 0; q < of.q; ++q) {
          const std::int64_t column = q * of.stride + s - of.padding;
          if (column < 0 || column >= of.w) continue;
          const auto pixel = static_cast<Master<T>>(x[((n * of.h + h) * of.w + column) * of.c + c]);
          const auto gradient = static_cast<Master<T>>(dy[((n * of.p + p) * of.q + q) * of.k + k]);
          sum += static_cast<double>(pixel) * static_cast<double>(gradient);
        }
      }
    }
    dw[i] = static_cast<To>(static_cast<Master<To>>(sum));
  }
};

}  // namespace

void CudaKernelBackend::conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y,
                               const Conv2dSpec& spec) {
  const ConvGeometry geometry = conv_geometry("conv2d", x, w, y, spec);
  check_optional("conv2d", "b", b, {b && b.dtype() == x.dtype() ? x.dtype() : master_of(x.dtype()), {geometry.k}});
  check_optional("conv2d", "z", z, y.type);
  with_type(x.dtype(), "conv2d", [&]<class T>() {
    const Forward<T> body{geometry,  x.as<T>(), w.as<T>(), b.data, b && b.dtype() == x.dtype(), z ? z.as<T>() : nullptr,
                          y.as<T>(), spec.relu};
    map<1>(queue(), "conv2d", y.elements(), false, body);
  });
}

void CudaKernelBackend::conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) {
  const ConvGeometry geometry = conv_geometry("conv2d_data_grad", dx, w, dy, spec);
  with_type(dx.dtype(), "conv2d_data_grad", [&]<class T>() {
    const DataGrad<T> body{geometry, dy.as<T>(), w.as<T>(), dx.as<T>()};
    map<1>(queue(), "conv2d_data_grad", dx.elements(), false, body);
  });
}

void CudaKernelBackend::conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) {
  const ConvGeometry geometry = conv_geometry("conv2d_weight_grad", x, dw, dy, spec);
  with_type(x.dtype(), "conv2d_weight_grad", [&]<class T>() {
    const auto sum = [&]<class To>() {
      const WeightGrad<T, To> body{geometry, x.as<T>(), dy.as<T>(), dw.as<To>()};
      map<1>(queue(), "conv2d_weight_grad", dw.elements(), false, body);
    };
    dw.dtype() == x.dtype() ? sum.template operator()<T>() : sum.template operator()<Master<T>>();
  });
}

}  // namespace dgsam
