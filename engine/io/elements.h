// Element types of weight files, under safetensors' names, and their conversion to and from numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dgsam {

/// Bytes of one element of "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8" or "BOOL"; 0 for any other
/// type.
std::size_t element_size_of(std::string_view dtype);
bool is_floating(std::string_view dtype);

/// Little-endian elements as numbers. T is float, double or std::int64_t. `bytes` holds whole elements of a known type;
/// floating types can't be read as std::int64_t, which is an Error.
template <class T>
std::vector<T> numbers_of(std::string_view dtype, std::span<const std::byte> bytes);

/// Numbers as elements: rounded to nearest even, F16 and BF16 by way of float. T is float or double and `dtype` a
/// floating type, or T is std::int64_t and `dtype` is I64; anything else is an Error.
template <class T>
std::vector<std::byte> elements_of(std::string_view dtype, std::span<const T> numbers);

}  // namespace dgsam
