// Tensor and ConstTensor: what a block of memory means. They own nothing and are passed by value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <type_traits>

#include "engine/core/check.h"
#include "engine/core/dtype.h"
#include "engine/core/shape.h"

namespace dgsam {

/// How the elements of an image tensor lie in memory. The shape is N,H,W,C in both cases.
///   dense      row-major: N,H,W,C. What GPUs want, and the only layout of everything that is not an image.
///   blocked16  N,C/16,H,W,16 (oneDNN's nChw16c), for C a multiple of 16. What the CPU convolutions want.
/// A blocked16 tensor is, byte for byte, a dense tensor of shape (N·C/16),H,W,16: element-wise operations and
/// pooling need no second version. Only convolution and per-channel reductions look at the layout.
enum class Layout : std::uint8_t { dense, blocked16 };
inline constexpr std::int64_t kBlock = 16;

/// What a tensor is, without where it is.
struct Type {
  DType dtype = DType::f32;
  Shape shape;
  Layout layout = Layout::dense;

  std::int64_t elements() const { return shape.elements(); }
  std::size_t bytes() const { return static_cast<std::size_t>(elements()) * size_of(dtype); }
  std::string text() const;  ///< "f32[32, 56, 56, 64]", "f32b[...]" when blocked
  bool operator==(const Type&) const = default;
};

/// So that an Error's text can name a type without formatting it unless it is thrown.
inline std::ostream& operator<<(std::ostream& out, const Type& type) { return out << type.text(); }

/// As std::span<T> and std::span<const T>: whoever is given a Tensor may write its elements, whoever is given a
/// ConstTensor may only read them. The former converts to the latter.
template <class Data>
struct TensorView {
  template <class T>
  using Element = std::conditional_t<std::is_const_v<Data>, const T, T>;

  Data* data = nullptr;
  Type type;

  DType dtype() const { return type.dtype; }
  const Shape& shape() const { return type.shape; }
  std::int64_t elements() const { return type.elements(); }
  std::size_t bytes() const { return type.bytes(); }
  /// False for an optional operand that was not given.
  explicit operator bool() const { return data != nullptr; }

  /// The elements as T. Throws when T is not the tensor's element type.
  template <class T>
  Element<T>* as() const {
    require(dtype() == dtype_of<T>, "a tensor of ", name_of(dtype()), " was read as ", name_of(dtype_of<T>));
    return static_cast<Element<T>*>(data);
  }
  // A template, lest nvcc warn that nobody can ask a ConstTensor to become one.
  template <class Read>
  requires(std::is_same_v<Read, const void> && !std::is_const_v<Data>) operator TensorView<Read>() const {
    return {data, type};
  }
};

using Tensor = TensorView<void>;
using ConstTensor = TensorView<const void>;

}  // namespace dgsam
