// Flat vectors. All but fill_normal is memory bound: the bytes per f32 element are 4 (norm), 8 (dot_product), 8 or 12
// (axpby), 12 (ascend, reject, multiply, add_scaled), 28 (adam) and 20 (sgd with momentum).
#include "engine/math/flat.h"

#include <algorithm>
#include <cmath>

#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/parallel.h"
#include "engine/math/normal.h"
#include "engine/operand_checks.h"

namespace dgsam {
namespace {

constexpr std::int64_t kSumChunk = 4096;

/// Sum of x·y in double, in 16 interleaved lanes that are added up in order.
template <class T>
double sum_of_products(const T* x, const T* y, std::int64_t count) {
  constexpr std::int64_t kLanes = 16;
  double lane[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    DGSAM_INDEPENDENT_ITERATIONS
    for (std::int64_t j = 0; j < kLanes; ++j) {
      lane[j] += static_cast<double>(x[i + j]) * static_cast<double>(y[i + j]);
    }
  }
  for (; i < count; ++i) lane[0] += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  double sum = 0;
  for (const double part : lane) sum += part;
  return sum;
}

}  // namespace

void CpuBackend::norm(ConstTensor x, Tensor out) {
  check("norm", "out", out, {DType::f64, {}});
  dot_product(x, x, out);
  *out.as<double>() = std::sqrt(*out.as<double>());
}

void CpuBackend::dot_product(ConstTensor x, ConstTensor y, Tensor out) {
  check_dot_product(x, y, out);
  with_master(x.dtype(), "dot_product", [&]<class T>() {
    const T *left = x.as<T>(), *right = y.as<T>();
    const std::int64_t chunks = (x.elements() + kSumChunk - 1) / kSumChunk;
    double* partial = static_cast<double*>(scratch(static_cast<std::size_t>(chunks) * sizeof(double)));
    parallel_chunks(threads_, x.elements(), kSumChunk, [=](std::int64_t begin, std::int64_t end) {
      partial[begin / kSumChunk] = sum_of_products(left + begin, right + begin, end - begin);
    });
    double sum = 0;
    for (std::int64_t i = 0; i < chunks; ++i) sum += partial[i];
    *out.as<double>() = sum;
  });
}

void CpuBackend::axpby(double alpha, ConstTensor x, double beta, Tensor y) {
  check("axpby", "y", y, x.type);
  with_master(x.dtype(), "axpby", [&]<class T>() {
    const auto a = static_cast<T>(alpha), b = static_cast<T>(beta);
    const T* from = x.as<T>();
    T* to = y.as<T>();
    if (beta == 0) {
      parallel_elements(threads_, x.elements(), [=](std::int64_t i) { to[i] = a * from[i]; });
    } else {
      parallel_elements(threads_, x.elements(), [=](std::int64_t i) { to[i] = a * from[i] + b * to[i]; });
    }
  });
}

void CpuBackend::ascend(ConstTensor theta, ConstTensor g, ConstTensor norm, double rho, double eps, Tensor out) {
  check_ascend(theta, g, norm, out);
  with_master(theta.dtype(), "ascend", [&]<class T>() {
    const auto scale = static_cast<T>(ascent_scale(*norm.as<double>(), rho, eps));
    const T *from = theta.as<T>(), *gradient = g.as<T>();
    T* to = out.as<T>();
    parallel_elements(threads_, theta.elements(), [=](std::int64_t i) { to[i] = from[i] + scale * gradient[i]; });
  });
}

void CpuBackend::reject(ConstTensor x, ConstTensor y, ConstTensor dot, ConstTensor norm, Tensor out) {
  check_reject(x, y, dot, norm, out);
  with_master(x.dtype(), "reject", [&]<class T>() {
    const auto scale = static_cast<T>(component_scale(*dot.as<double>(), *norm.as<double>()));
    const T *from = x.as<T>(), *along = y.as<T>();
    T* to = out.as<T>();
    parallel_elements(threads_, x.elements(), [=](std::int64_t i) { to[i] = from[i] - scale * along[i]; });
  });
}

void CpuBackend::multiply(ConstTensor x, Tensor y) {
  check("multiply", "y", y, x.type);
  with_master(x.dtype(), "multiply", [&]<class T>() {
    const T* from = x.as<T>();
    T* to = y.as<T>();
    parallel_elements(threads_, x.elements(), [=](std::int64_t i) { to[i] *= from[i]; });
  });
}

void CpuBackend::add_scaled(double alpha, ConstTensor factor, ConstTensor x, Tensor y) {
  check_add_scaled(factor, x, y);
  with_master(x.dtype(), "add_scaled", [&]<class T>() {
    const auto scale = static_cast<T>(alpha * *factor.as<double>());
    const T* from = x.as<T>();
    T* to = y.as<T>();
    parallel_elements(threads_, x.elements(), [=](std::int64_t i) { to[i] += scale * from[i]; });
  });
}

void CpuBackend::fill_normal(ConstTensor counters, std::int64_t first, Tensor x) {
  check_fill_normal(counters, first, x);
  const std::int64_t* counter = counters.as<std::int64_t>();
  const std::int64_t seed = counter[kCounterSeed], step = counter[kCounterStep], pass = counter[kCounterPass];
  with_master(x.dtype(), "fill_normal", [&]<class T>() {
    T* to = x.as<T>();
    static_assert(kChunk % 4 == 0, "a chunk starts with a block of random words");
    parallel_chunks(threads_, x.elements(), kChunk, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t block = begin; block < end; block += 4) {
        const NormalBlock normals = normal_block(seed, step, pass, (first + block) / 4);
        for (std::int64_t i = block; i < std::min(end, block + 4); ++i)
          to[i] = static_cast<T>(normals.value[i - block]);
      }
    });
  });
}

void CpuBackend::adam(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor m, Tensor v,
                      ConstTensor scalars, const AdamSpec& spec) {
  check_adam(theta, gradient, m, v, scalars);
  const double* scalar = scalars.as<double>();
  with_master(theta.dtype(), "adam", [&]<class T>() {
    const AdamStep<T> step =
        adam_step<T>(spec, gradient_scale, scalar[kLearningRate], scalar[kBiasCorrection1], scalar[kBiasCorrection2]);
    const T* g = gradient.as<T>();
    T *parameter = theta.as<T>(), *first = m.as<T>(), *second = v.as<T>();
    parallel_elements(threads_, theta.elements(),
                      [=](std::int64_t i) { adam_update(step, g[i], parameter[i], first[i], second[i]); });
  });
}

void CpuBackend::sgd(Tensor theta, ConstTensor gradient, double gradient_scale, Tensor velocity, ConstTensor scalars,
                     const SgdSpec& spec) {
  check_sgd(theta, gradient, velocity, scalars, spec);
  const double* scalar = scalars.as<double>();
  with_master(theta.dtype(), "sgd", [&]<class T>() {
    const SgdStep<T> step = sgd_step<T>(spec, gradient_scale, scalar[kLearningRate]);
    const T* g = gradient.as<T>();
    T* parameter = theta.as<T>();
    if (velocity) {
      T* buffer = velocity.as<T>();
      parallel_elements(threads_, theta.elements(),
                        [=](std::int64_t i) { sgd_update(step, g[i], parameter[i], buffer[i]); });
    } else {
      parallel_elements(threads_, theta.elements(), [=](std::int64_t i) {
        T none = 0;
        sgd_update(step, g[i], parameter[i], none);
      });
    }
  });
}

}  // namespace dgsam
