// From run-time element types to templates, and the check of an operand.
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "engine/core/tensor.h"

namespace dgsam {

/// The type in which values of type T are computed and summed: double for double, float else.
template <class T>
using Master = std::conditional_t<std::is_same_v<T, double>, double, float>;

/// body.operator()<T>() with T = float, double or bfloat16.
template <class Body>
void with_type(DType dtype, std::string_view op, const Body& body) {
  switch (dtype) {
    case DType::f32:
      return body.template operator()<float>();
    case DType::f64:
      return body.template operator()<double>();
    case DType::bf16:
      return body.template operator()<bfloat16>();
    default:
      fail(op, ": no such operation on ", name_of(dtype), "; it takes f32, f64 or bf16");
  }
}

/// body.operator()<T>() with T = float or double.
template <class Body>
void with_master(DType dtype, std::string_view op, const Body& body) {
  if (dtype == DType::f64) return body.template operator()<double>();
  require(dtype == DType::f32, op, ": no such operation on ", name_of(dtype), "; it takes f32 or f64");
  body.template operator()<float>();
}

/// body.operator()<a, b, ...>() with run-time conditions made template arguments.
template <bool... known, class Body>
void with_flags(const Body& body) {
  body.template operator()<known...>();
}
template <bool... known, class Body, class... Flags>
void with_flags(const Body& body, bool next, Flags... rest) {
  next ? with_flags<known..., true>(body, rest...) : with_flags<known..., false>(body, rest...);
}

/// Throws unless `tensor` is there and has the type that the operation relies on.
inline void check(std::string_view op, std::string_view operand, ConstTensor tensor, const Type& expected) {
  require(tensor.data != nullptr || expected.elements() == 0, op, ": ", operand, " is absent; expected ", expected);
  require(tensor.type == expected, op, ": ", operand, " is ", tensor.type, ", expected ", expected);
}
/// The same for an operand that may be absent.
inline void check_optional(std::string_view op, std::string_view operand, ConstTensor tensor, const Type& expected) {
  if (tensor) check(op, operand, tensor, expected);
}

}  // namespace dgsam
