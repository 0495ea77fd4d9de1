// Flat vectors; formulas in math/flat.h. Bytes per f32 element: 4 (norm), 8 (dot_product), 8 or
// 12 (axpby), 12 (ascend, reject, multiply, add_scaled), 4 (fill_normal), 28 (adam), 20 (sgd with momentum).
#include <algorithm>
#include <cmath>

#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/map.h"
#include "engine/cuda/shared.h"
#include "engine/math/flat.h"
#include "engine/math/normal.h"
#include "engine/operand_checks.h"

namespace dgsam {
namespace {

constexpr unsigned kSumThreads = 256;
constexpr std::int64_t kSumPerBlock = 16 * kSumThreads, kMostSumBlocks = 1024;

/// partial[block] = the sum of x·y over the elements that fall to the block; y may be x, which is then read once.
template <class T>
__global__ void __launch_bounds__(kSumThreads)
    products_kernel(std::int64_t vectors, std::int64_t count, const T* x, const T* y, double* partial) {
  constexpr int kLanes = kWordLanes<T>;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  double lane[kLanes] = {};
  for (std::int64_t i = first; i < vectors; i += stride) {
    const Vector<T, kLanes> v = load<kLanes>(x + i * kLanes);
    const Vector<T, kLanes> w = x == y ? v : load<kLanes>(y + i * kLanes);
    for (int l = 0; l < kLanes; ++l) lane[l] += static_cast<double>(v.lane[l]) * static_cast<double>(w.lane[l]);
  }
  for (std::int64_t i = vectors * kLanes + first; i < count; i += stride) {
    lane[0] += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  }
  double sum = 0;
  for (const double part : lane) sum += part;
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/// out = the sum of the partial sums, or its root.
__global__ void total_kernel(std::int64_t count, const double* partial, bool root, double* out) {
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += kSumThreads) sum += partial[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *out = root ? std::sqrt(sum) : sum;
}

/// y = a x + b y
template <class T, bool kReadsY>
struct Axpby {
  T a;
  const T* x;
  T b;
  T* y;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    Vector<T, kLanes> v = load<kLanes>(x + i);
    for (T& value : v.lane) value *= a;
    if constexpr (kReadsY) {
      const Vector<T, kLanes> old = load<kLanes>(y + i);
      for (int l = 0; l < kLanes; ++l) v.lane[l] += b * old.lane[l];
    }
    store(y + i, v);
  }
};

template <class T>
struct Ascend {
  const T *theta, *g;
  const double* norm;
  double rho, eps;
  T* out;
  T scale = 0;  // of a thread

  __device__ Ascend begin() const {
    Ascend own = *this;
    own.scale = static_cast<T>(ascent_scale(*norm, rho, eps));
    return own;
  }

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    Vector<T, kLanes> v = load<kLanes>(theta + i);
    const Vector<T, kLanes> gradient = load<kLanes>(g + i);
    for (int l = 0; l < kLanes; ++l) v.lane[l] += scale * gradient.lane[l];
    store(out + i, v);
  }
};

template <class T>
struct Reject {
  const T *x, *y;
  const double *dot, *norm;
  T* out;
  T scale = 0;  // of a thread

  __device__ Reject begin() const {
    Reject own = *this;
    own.scale = static_cast<T>(component_scale(*dot, *norm));
    return own;
  }

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    Vector<T, kLanes> v = load<kLanes>(x + i);
    const Vector<T, kLanes> along = load<kLanes>(y + i);
    for (int l = 0; l < kLanes; ++l) v.lane[l] -= scale * along.lane[l];
    store(out + i, v);
  }
};

template <class T>
struct Multiply {
  const T* x;
  T* y;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    Vector<T, kLanes> v = load<kLanes>(y + i);
    const Vector<T, kLanes> by = load<kLanes>(x + i);
    for (int l = 0; l < kLanes; ++l) v.lane[l] *= by.lane[l];
    store(y + i, v);
  }
};

template <class T>
struct AddScaled {
  double alpha;
  const double* factor;
  const T* x;
  T* y;
  T scale = 0;  // of a thread

  __device__ AddScaled begin() const {
    AddScaled own = *this;
    own.scale = static_cast<T>(alpha * *factor);
    return own;
  }

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    Vector<T, kLanes> v = load<kLanes>(y + i);
    const Vector<T, kLanes> more = load<kLanes>(x + i);
    for (int l = 0; l < kLanes; ++l) v.lane[l] += scale * more.lane[l];
    store(y + i, v);
  }
};

template <class T>
struct FillNormal {
  const std::int64_t* counters;
  std::int64_t first;
  T* x;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const NormalBlock normals =
        normal_block(counters[kCounterSeed], counters[kCounterStep], counters[kCounterPass], (first + i) / 4);
    Vector<T, kLanes> v{};
    for (int l = 0; l < kLanes; ++l) v.lane[l] = static_cast<T>(normals.value[(i + l) % 4]);
    store(x + i, v);
  }
};

template <class T>
struct Adam {
  AdamSpec spec;
  double gradient_scale;
  const double* scalars;
  const T* gradient;
  T *theta, *m, *v;
  AdamStep<T> step{};  // of a thread

  __device__ Adam begin() const {
    Adam own = *this;
    own.step = adam_step<T>(spec, gradient_scale, scalars[kLearningRate], scalars[kBiasCorrection1],
                            scalars[kBiasCorrection2]);
    return own;
  }

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const Vector<T, kLanes> g = load<kLanes>(gradient + i);
    Vector<T, kLanes> parameter = load<kLanes>(theta + i), first = load<kLanes>(m + i), second = load<kLanes>(v + i);
    for (int l = 0; l < kLanes; ++l) adam_update(step, g.lane[l], parameter.lane[l], first.lane[l], second.lane[l]);
    store(theta + i, parameter);
    store(m + i, first);
    store(v + i, second);
  }
};

template <class T, bool kHasVelocity>
struct Sgd {
  SgdSpec spec;
  double gradient_scale;
  const double* scalars;
  const T* gradient;
  T *theta, *velocity;
  SgdStep<T> step{};  // of a thread

  __device__ Sgd begin() const {
    Sgd own = *this;
    own.step = sgd_step<T>(spec, gradient_scale, scalars[kLearningRate]);
    return own;
  }

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const Vector<T, kLanes> g = load<kLanes>(gradient + i);
    Vector<T, kLanes> parameter = load<kLanes>(theta + i), buffer{};
    if constexpr (kHasVelocity) buffer = load<kLanes>(velocity + i);
    for (int l = 0; l < kLanes; ++l) sgd_update(step, g.lane[l], parameter.lane[l], buffer.lane[l]);
    store(theta + i, parameter);
    if constexpr (kHasVelocity) store(velocity + i, buffer);
  }
};

}  // namespace

void CudaKernelBackend::sum_products(const char* op, ConstTensor x, ConstTensor y, bool root, Tensor out) {
  const std::int64_t count = x.elements();
  const std::int64_t blocks = std::clamp<std::int64_t>((count + kSumPerBlock - 1) / kSumPerBlock, 1, kMostSumBlocks);
  auto* const partial = static_cast<double*>(scratch(static_cast<std::size_t>(blocks) * sizeof(double)));
  const std::size_t shared = kSumThreads / kWarp * sizeof(double);
  with_master(x.dtype(), op, [&]<class T>() {
    const std::int64_t vectors = words_at(x.as<T>(), y.as<T>()) ? count / kWordLanes<T> : 0;
    launch({op, queue().stream, static_cast<unsigned>(blocks), kSumThreads, shared}, products_kernel<T>, vectors, count,
           x.as<T>(), y.as<T>(), partial);
  });
  launch({op, queue().stream, 1, kSumThreads, shared}, total_kernel, blocks, partial, root, out.as<double>());
}

void CudaKernelBackend::norm(ConstTensor x, Tensor out) {
  check("norm", "out", out, {DType::f64, {}});
  sum_products("norm", x, x, /*root=*/true, out);
}

void CudaKernelBackend::dot_product(ConstTensor x, ConstTensor y, Tensor out) {
  check_dot_product(x, y, out);
  sum_products("dot_product", x, y, /*root=*/false, out);
}

void CudaKernelBackend::axpby(double alpha, ConstTensor x, double beta, Tensor y) {
  check("axpby", "y", y, x.type);
  with_master(x.dtype(), "axpby", [&]<class T>() {
    with_flags(
        [&]<bool reads_y>() {
          const Axpby<T, reads_y> body{static_cast<T>(alpha), x.as<T>(), static_cast<T>(beta), y.as<T>()};
          map<kWordLanes<T>>(queue(), "axpby", x.elements(), words_at(body.x, body.y), body);
        },
        beta != 0);
  });
}

void CudaKernelBackend::ascend(ConstTensor theta, ConstTensor g, ConstTensor norm, double rho, double eps, Tensor out) {
  check_ascend(theta, g, norm, out);
  with_master(theta.dtype(), "ascend", [&]<class T>() {
    const Ascend<T> body{theta.as<T>(), g.as<T>(), norm.as<double>(), rho, eps, out.as<T>()};
    map<kWordLanes<T>>(queue(), "ascend", theta.elements(), words_at(body.theta, body.g, body.out), body);
  });
}

void CudaKernelBackend::reject(ConstTensor x, ConstTensor y, ConstTensor dot, ConstTensor norm, Tensor out) {
  check_reject(x, y, dot, norm, out);
  with_master(x.dtype(), "reject", [&]<class T>() {
    const Reject<T> body{x.as<T>(), y.as<T>(), dot.as<double>(), norm.as<double>(), out.as<T>()};
    map<kWordLanes<T>>(queue(), "reject", x.elements(), words_at(body.x, body.y, body.out), body);
  });
}

void CudaKernelBackend::multiply(ConstTensor x, Tensor y) {
  check("multiply", "y", y, x.type);
  with_master(x.dtype(), "multiply", [&]<class T>() {
    const Multiply<T> body{x.as<T>(), y.as<T>()};
    map<kWordLanes<T>>(queue(), "multiply", x.elements(), words_at(body.x, body.y), body);
  });
}

void CudaKernelBackend::add_scaled(double alpha, ConstTensor factor, ConstTensor x, Tensor y) {
  check_add_scaled(factor, x, y);
  with_master(x.dtype(), "add_scaled", [&]<class T>() {
    const AddScaled<T> body{alpha, factor.as<double>(), x.as<T>(), y.as<T>()};
    map<kWordLanes<T>>(queue(), "add_scaled", x.elements(), words_at(body.x, body.y), body);
  });
}

void CudaKernelBackend::fill_normal(ConstTensor counters, std::int64_t first, Tensor x) {
  check_fill_normal(counters, first, x);
  with_master(x.dtype(), "fill_normal", [&]<class T>() {
    const FillNormal<T> body{counters.as<std::int64_t>(), first, x.as<T>()};
    map<kWordLanes<T>>(queue(), "fill_normal", x.elements(), words_at(body.x), body);
  });
}

void CudaKernelBackend::adam(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor m, Tensor v,
                             ConstTensor scalars, const AdamSpec& spec) {
  check_adam(theta, gradient, m, v, scalars);
  const double* scalar = scalars.as<double>();
  with_master(theta.dtype(), "adam", [&]<class T>() {
    const Adam<T> body{spec, gradient_scale, scalar, gradient.as<T>(), theta.as<T>(), m.as<T>(), v.as<T>()};
    map<kWordLanes<T>>(queue(), "adam", theta.elements(), words_at(body.gradient, body.theta, body.m, body.v), body);
  });
}

void CudaKernelBackend::sgd(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor velocity,
                            ConstTensor scalars, const SgdSpec& spec) {
  check_sgd(theta, gradient, velocity, scalars, spec);
  const double* scalar = scalars.as<double>();
  with_master(theta.dtype(), "sgd", [&]<class T>() {
    with_flags(
        [&]<bool has_velocity>() {
          const Sgd<T, has_velocity> body{
              spec, gradient_scale, scalar, gradient.as<T>(), theta.as<T>(), has_velocity ? velocity.as<T>() : nullptr};
          map<kWordLanes<T>>(queue(), "sgd", theta.elements(), words_at(body.gradient, body.theta, body.velocity),
                             body);
        },
        static_cast<bool>(velocity));
  });
}

}  // namespace dgsam
