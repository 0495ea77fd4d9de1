#include "engine/io/elements.h"

#include <bit>
#include <cstring>
#include <type_traits>

#include "engine/core/bfloat16.h"
#include "engine/core/check.h"
#include "engine/io/float16.h"

namespace dgsam {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

namespace {

/// A half as a number.
struct Half {
  std::uint16_t bits = 0;
  Half() = default;
  explicit Half(float value) : bits(float_to_half(value)) {}
  explicit operator float() const { return half_to_float(bits); }
};

/// bfloat16 and Half convert from and to float only.
template <class From, class To>
std::vector<To> widen(std::span<const std::byte> bytes) {
  std::vector<To> to(bytes.size() / sizeof(From));
  for (std::size_t i = 0; i < to.size(); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    if constexpr (std::is_arithmetic_v<From>) {
      to[i] = static_cast<To>(value);
    } else {
      to[i] = static_cast<To>(static_cast<float>(value));
    }
  }
  return to;
}

template <class Stored, class T>
std::vector<std::byte> narrow(std::span<const T> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    if constexpr (std::is_arithmetic_v<Stored>) {
      stored = static_cast<Stored>(values[i]);
    } else {
      stored = Stored(static_cast<float>(values[i]));
    }
    std::memcpy(bytes.data() + i * sizeof(Stored), &stored, sizeof(Stored));
  }
  return bytes;
}

}  // namespace

std::size_t element_size_of(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F32" || dtype == "I32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

bool is_floating(std::string_view dtype) {
  return dtype == "F64" || dtype == "F32" || dtype == "F16" || dtype == "BF16";
}

template <class T>
std::vector<T> numbers_of(std::string_view dtype, std::span<const std::byte> bytes) {
  if (dtype == "I64") return widen<std::int64_t, T>(bytes);
  if (dtype == "I32") return widen<std::int32_t, T>(bytes);
  if (dtype == "I16") return widen<std::int16_t, T>(bytes);
  if (dtype == "I8") return widen<std::int8_t, T>(bytes);
  if (dtype == "U8" || dtype == "BOOL") return widen<std::uint8_t, T>(bytes);
  if constexpr (std::is_floating_point_v<T>) {
    if (dtype == "F64") return widen<double, T>(bytes);
    if (dtype == "F32") return widen<float, T>(bytes);
    if (dtype == "F16") return widen<Half, T>(bytes);
    if (dtype == "BF16") return widen<bfloat16, T>(bytes);
  }
  fail("elements of type ", dtype, " can't be read as integers");
}

template <class T>
std::vector<std::byte> elements_of(std::string_view dtype, std::span<const T> numbers) {
  if constexpr (std::is_floating_point_v<T>) {
    if (dtype == "F64") return narrow<double>(numbers);
    if (dtype == "F32") return narrow<float>(numbers);
    if (dtype == "F16") return narrow<Half>(numbers);
    if (dtype == "BF16") return narrow<bfloat16>(numbers);
  } else if (dtype == "I64") {
    return narrow<T>(numbers);
  }
  fail("these values cannot be stored as ", dtype);
}

template std::vector<float> numbers_of(std::string_view, std::span<const std::byte>);
template std::vector<double> numbers_of(std::string_view, std::span<const std::byte>);
template std::vector<std::int64_t> numbers_of(std::string_view, std::span<const std::byte>);
template std::vector<std::byte> elements_of(std::string_view, std::span<const float>);
template std::vector<std::byte> elements_of(std::string_view, std::span<const double>);
template std::vector<std::byte> elements_of(std::string_view, std::span<const std::int64_t>);

}  // namespace dgsam
