// What every test of an operation uses: host arrays in double, tensors made from them, and the comparison.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/check/compare_backend.h"
#include "engine/core/rng.h"

namespace dgsam::test {

/// A dense host array. Reference formulas run on these, in double.
struct Array {
  Shape shape;
  std::vector<double> values;

  Array() = default;
  explicit Array(const Shape& extents, double value = 0)
      : shape(extents), values(static_cast<std::size_t>(extents.elements()), value) {}

  double& operator[](std::int64_t i) { return values[static_cast<std::size_t>(i)]; }
  double operator[](std::int64_t i) const { return values[static_cast<std::size_t>(i)]; }
  std::int64_t index(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) const {
    return ((a * shape[1] + b) * shape[2] + c) * shape[3] + d;
  }
  double& at(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) { return (*this)[index(a, b, c, d)]; }
  double at(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) const { return (*this)[index(a, b, c, d)]; }
};

/// `value` as a tensor of `dtype` would hold it.
inline double rounded(double value, DType dtype) {
  if (dtype == DType::f32) return static_cast<double>(static_cast<float>(value));
  if (dtype == DType::bf16) return static_cast<double>(static_cast<float>(bfloat16(static_cast<float>(value))));
  return value;
}

/// Uniform in [-1, 1), already rounded to `dtype`, so that the reference and the backend start from the same numbers.
inline Array random_array(const Shape& shape, DType dtype, std::uint64_t seed) {
  Array array(shape);
  RandomStream stream(seed, "ops test");
  for (double& value : array.values) value = rounded(stream.uniform(-1, 1), dtype);
  return array;
}

/// Where element i of a dense tensor of this type lies when it is laid out as `type` says.
inline std::int64_t position(const Type& type, std::int64_t i) {
  if (type.layout == Layout::dense) return i;
  const Shape& s = type.shape;
  const std::int64_t c = i % s[3], pixel = i / s[3] % (s[1] * s[2]), n = i / s[3] / (s[1] * s[2]);
  return ((n * (s[3] / kBlock) + c / kBlock) * s[1] * s[2] + pixel) * kBlock + c % kBlock;
}

/// Tensors on one backend, alive as long as this.
class Tensors {
 public:
  explicit Tensors(Backend& backend) : backend_(backend) {}

  /// A tensor whose bytes are all 0xff until somebody writes it: NaN in every floating type.
  Tensor make(const Type& type) {
    buffers_.emplace_back(backend_, std::max<std::size_t>(1, type.bytes()));
    const Tensor tensor{buffers_.back().data(), type};
    const std::vector<unsigned char> bytes(type.bytes(), 0xff);
    backend_.upload(tensor, bytes.data());
    return tensor;
  }

  Tensor make(const Array& values, DType dtype, Layout layout = Layout::dense) {
    const Tensor tensor = make({dtype, values.shape, layout});
    switch (dtype) {
      case DType::f32:
        return upload<float>(values, tensor);
      case DType::f64:
        return upload<double>(values, tensor);
      case DType::bf16:
        return upload<bfloat16>(values, tensor);
      case DType::i32:
        return upload<std::int32_t>(values, tensor);
      case DType::i64:
        return upload<std::int64_t>(values, tensor);
      default:
        return upload<std::uint8_t>(values, tensor);
    }
  }

  Array read(ConstTensor tensor) {
    switch (tensor.dtype()) {
      case DType::f32:
        return download<float>(tensor);
      case DType::f64:
        return download<double>(tensor);
      case DType::bf16:
        return download<bfloat16>(tensor);
      case DType::i32:
        return download<std::int32_t>(tensor);
      case DType::i64:
        return download<std::int64_t>(tensor);
      default:
        return download<std::uint8_t>(tensor);
    }
  }

 private:
  template <class T>
  static T narrow(double value) {
    if constexpr (std::is_same_v<T, bfloat16>) {
      return bfloat16(static_cast<float>(value));
    } else {
      return static_cast<T>(value);
    }
  }
  template <class T>
  static double widen(T value) {
    if constexpr (std::is_same_v<T, bfloat16>) {
      return static_cast<double>(static_cast<float>(value));
    } else {
      return static_cast<double>(value);
    }
  }
  template <class T>
  Tensor upload(const Array& values, Tensor to) {
    std::vector<T> host(values.values.size());
    for (std::int64_t i = 0; i < to.elements(); ++i) {
      host[static_cast<std::size_t>(position(to.type, i))] = narrow<T>(values[i]);
    }
    backend_.upload(to, host.data());
    return to;
  }
  template <class T>
  Array download(ConstTensor from) {
    Array values(from.shape());
    std::vector<T> host(values.values.size());
    backend_.download(host.data(), from);
    for (std::int64_t i = 0; i < from.elements(); ++i) {
      values[i] = widen(host[static_cast<std::size_t>(position(from.type, i))]);
    }
    return values;
  }

  Backend& backend_;
  std::vector<Buffer> buffers_;
};

struct NamedBackend {
  std::string label;
  Backend* backend;
  bool narrow_weight_grads = false;  ///< rounds the weight gradients of bf16 convolutions to bf16 on the way
};

/// The backends under test, made once, and the layouts that they take an image of so many channels in. Each program
/// that these tests are built into defines its own: tests/ops/backends.cpp, tests/cuda/backends.cpp.
const std::vector<NamedBackend>& backends();
std::vector<Layout> layouts(std::int64_t channels);

/// To what a backend under test rounds the weight gradients of convolutions of `dtype`.
inline DType weight_grad_rounding(const Backend& backend, DType dtype) {
  for (const NamedBackend& entry : backends()) {
    if (entry.backend == &backend && entry.narrow_weight_grads) return dtype;
  }
  return master_of(dtype);
}

/// How far results may be off, relative to the largest one: one rounding to `dtype`, and the roundings of a sum of
/// `terms` terms in its master type, which grow like the square root of their number.
inline double tolerance(DType dtype, std::int64_t terms = 1) {
  const auto unit = [](DType type) { return type == DType::f64 ? 0x1p-52 : type == DType::f32 ? 0x1p-23 : 0x1p-8; };
  return unit(dtype) + 4 * unit(master_of(dtype)) * std::sqrt(static_cast<double>(terms));
}

/// max |actual - expected| / max |expected|; infinite when a value is not finite or the shapes differ.
inline double difference(const Array& actual, const Array& expected) {
  if (actual.shape != expected.shape) return std::numeric_limits<double>::infinity();
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    if (!std::isfinite(actual.values[i])) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, std::abs(actual.values[i] - expected.values[i]));
    largest = std::max(largest, std::abs(expected.values[i]));
  }
  return worst == 0 ? 0 : worst / largest;
}

/// body(backend, dtype) for every backend and activation type, with both in the message of a failure. The comparison
/// runs in f32 alone, and its two backends must agree.
template <class Body>
void on_every_backend(const Body& body) {
  for (const NamedBackend& entry : backends()) {
    const auto* compare = dynamic_cast<const CompareBackend*>(entry.backend);
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      if (compare && dtype != DType::f32) continue;
      const std::string type(name_of(dtype));
      INFO(entry.label, " ", type);
      body(*entry.backend, dtype);
    }
    if (compare) {
      const std::string report = compare->report();
      INFO(report);
      CHECK(compare->passed());
    }
  }
}

}  // namespace dgsam::test
