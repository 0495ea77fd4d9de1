#include "engine/math/elementwise.h"

#include "engine/core/operands.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/parallel.h"

namespace dgsam {
namespace {

/// to[i] = from[i]; f64 goes to bf16 by way of f32.
template <class From, class To>
void convert(int threads, const From* from, To* to, std::int64_t count) {
  parallel_elements(threads, count, [=](std::int64_t i) {
    to[i] = static_cast<To>(static_cast<Master<To>>(static_cast<Master<From>>(from[i])));
  });
}

}  // namespace

void CpuBackend::relu(ConstTensor x, Tensor y) {
  check("relu", "y", y, x.type);
  with_type(x.dtype(), "relu", [&]<class T>() {
    const T* from = x.as<T>();
    T* to = y.as<T>();
    parallel_elements(threads_, x.elements(),
                      [=](std::int64_t i) { to[i] = static_cast<T>(relu_of(static_cast<Master<T>>(from[i]))); });
  });
}

void CpuBackend::add(ConstTensor a, ConstTensor b, Tensor y) {
  check("add", "b", b, a.type);
  check("add", "y", y, a.type);
  with_type(a.dtype(), "add", [&]<class T>() {
    const T *left = a.as<T>(), *right = b.as<T>();
    T* to = y.as<T>();
    parallel_elements(threads_, a.elements(), [=](std::int64_t i) {
      to[i] = static_cast<T>(static_cast<Master<T>>(left[i]) + static_cast<Master<T>>(right[i]));
    });
  });
}

void CpuBackend::cast(ConstTensor x, Tensor y) {
  check("cast", "y", y, {y.dtype(), x.shape(), x.type.layout});
  with_type(x.dtype(), "cast", [&]<class From>() {
    with_type(y.dtype(), "cast", [&]<class To>() { convert(threads_, x.as<From>(), y.as<To>(), x.elements()); });
  });
}

void CpuBackend::fill(Tensor x, double value) {
  with_type(x.dtype(), "fill", [&]<class T>() {
    const auto filling = static_cast<T>(static_cast<Master<T>>(value));
    T* to = x.as<T>();
    parallel_elements(threads_, x.elements(), [=](std::int64_t i) { to[i] = filling; });
  });
}

}  // namespace dgsam
