#include "engine/check/compare_backend.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>

namespace dgsam {
namespace {

template <class T>
std::vector<double> widened(const std::vector<std::byte>& bytes) {
  const T* values = reinterpret_cast<const T*>(bytes.data());
  std::vector<double> result(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < result.size(); ++i) {
    if constexpr (std::is_same_v<T, bfloat16>) {
      result[i] = static_cast<double>(static_cast<float>(values[i]));
    } else {
      result[i] = static_cast<double>(values[i]);
    }
  }
  return result;
}

std::vector<std::byte> bytes_of(Backend& backend, ConstTensor tensor) {
  std::vector<std::byte> bytes(tensor.bytes());
  backend.download(bytes.data(), tensor);
  return bytes;
}

std::vector<double> values_of(Backend& backend, ConstTensor tensor) {
  const std::vector<std::byte> bytes = bytes_of(backend, tensor);
  switch (tensor.dtype()) {
    case DType::f32:
      return widened<float>(bytes);
    case DType::f64:
      return widened<double>(bytes);
    case DType::bf16:
      return widened<bfloat16>(bytes);
    case DType::i32:
      return widened<std::int32_t>(bytes);
    case DType::i64:
      return widened<std::int64_t>(bytes);
    case DType::u8:
      return widened<std::uint8_t>(bytes);
  }
  fail("unknown element type of ", tensor.type);
}

/// max |actual - expected| / max |expected|. Equal values, NaNs included, differ by nothing; else what is not finite
/// differs infinitely.
double difference(const std::vector<double>& actual, const std::vector<double>& expected) {
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const bool same = actual[i] == expected[i] || (std::isnan(actual[i]) && std::isnan(expected[i]));
    const double error = std::abs(actual[i] - expected[i]);
    if (!same) worst = std::isfinite(error) ? std::max(worst, error) : std::numeric_limits<double>::infinity();
    if (std::isfinite(expected[i])) largest = std::max(largest, std::abs(expected[i]));
  }
  return worst == 0 ? 0 : worst / largest;
}

}  // namespace

double CompareBackend::tolerance_of(const Call& call, ConstTensor result, std::int64_t terms) const {
  constexpr double kTf32 = 0x1p-10;
  const double tolerance = tolerance_of(result.dtype(), terms);
  const std::string_view op = name_of(call.op);
  const bool is_product = op.starts_with("conv2d") || op.starts_with("linear");
  if (!is_product || result.dtype() == DType::f64) return tolerance;
  // Products of bf16 may come as bf16 before they are widened to the master type.
  const bool of_bf16 = std::any_of(call.operands.begin(), call.operands.end(), [](const Call::Operand& operand) {
    return operand.tensor && operand.tensor.dtype() == DType::bf16;
  });
  if (of_bf16) return std::max(tolerance, tolerance_of(DType::bf16, terms));
  return tf32_ ? tolerance + 4 * kTf32 : tolerance;
}

double CompareBackend::tolerance_of(DType dtype, std::int64_t terms) {
  const auto unit = [](DType type) {
    switch (type) {
      case DType::f64:
        return 0x1p-52;
      case DType::f32:
        return 0x1p-23;
      case DType::bf16:
        return 0x1p-8;
      default:
        return 0.0;
    }
  };
  if (unit(dtype) == 0) return 0;
  return 4 * (unit(dtype) + unit(master_of(dtype)) * std::sqrt(static_cast<double>(terms)));
}

void CompareBackend::intercept(const Call& call) {
  std::vector<Tensor> copies;
  std::map<const void*, Buffer> memory;  // operands that are one on the inner backend are one on the reference
  std::int64_t terms = 1;
  for (const Call::Operand& operand : call.operands) {
    copies.emplace_back();
    if (operand.opaque || !operand.tensor) continue;
    terms = std::max(terms, operand.tensor.elements());
    Buffer& buffer = memory[operand.tensor.data];
    if (!buffer.data()) buffer = Buffer(reference_, std::max<std::size_t>(1, operand.tensor.bytes()));
    copies.back() = {buffer.data(), operand.tensor.type};
    reference_.upload(copies.back(), bytes_of(inner(), operand.tensor).data());
  }
  call.run_with(reference_, copies);
  call.run_on(inner());

  Worst& worst = worst_[std::string(name_of(call.op))];
  ++worst.calls;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const Call::Operand& operand = call.operands[i];
    if (!copies[i] || !operand.written) continue;
    const double error = difference(values_of(inner(), operand.tensor), values_of(reference_, copies[i]));
    const double tolerance = tolerance_of(call, operand.tensor, terms);
    // The worst is the largest part of its tolerance.
    if (worst.call.empty() || error * worst.tolerance > worst.error * tolerance) {
      worst.error = error;
      worst.tolerance = tolerance;
      worst.call = call.text();
    }
  }
}

bool CompareBackend::passed() const {
  return std::all_of(worst_.begin(), worst_.end(), [](const auto& entry) { return entry.second.passed(); });
}

std::string CompareBackend::report() const {
  std::ostringstream out;
  out << std::left << std::setw(28) << "operation" << std::right << std::setw(8) << "calls" << std::setw(12) << "error"
      << std::setw(12) << "allowed"
      << "  worst call\n"
      << std::setprecision(2) << std::scientific;
  for (const auto& [op, worst] : worst_) {
    out << std::left << std::setw(28) << op << std::right << std::setw(8) << worst.calls << std::setw(12) << worst.error
        << std::setw(12) << worst.tolerance << (worst.passed() ? "  " : "  FAILED ") << worst.call << "\n";
  }
  return out.str();
}

}  // namespace dgsam
