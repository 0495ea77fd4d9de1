// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/core/bfloat16.h"

namespace dgsam {

enum class DType : std::uint8_t { f32, f64, bf16, i32, i64, u8 };

/// Bytes of one element.
std::size_t size_of(DType dtype);
/// "f32", "f64", "bf16", "i32", "i64", "u8".
std::string_view name_of(DType dtype);

template <class T>
inline constexpr DType dtype_of = [] {
  static_assert(sizeof(T) == 0, "not an element type");
  return DType::f32;
}();
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<bfloat16> = DType::bf16;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::i64;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::u8;

/// The type in which values of `dtype` are added up and in which their parameters are kept: f64 for f64, f32 else.
constexpr DType master_of(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

}  // namespace dgsam
