#include "tools/commands/weights.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"

namespace dgsam {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double ratio(double part, double whole) { return part == 0 ? 0 : whole == 0 ? kInfinity : part / whole; }

/// Sums over the values of one tensor, or of all.
struct Comparison {
  double largest = 0, difference_squares = 0, first_squares = 0;

  void add(const std::vector<double>& first, const std::vector<double>& second) {
    for (std::size_t i = 0; i < first.size(); ++i) {
      const double a = first[i], b = second[i];
      const bool same = a == b || (std::isnan(a) && std::isnan(b));
      const double difference = same ? 0 : std::isfinite(a - b) ? std::abs(a - b) : kInfinity;
      largest = std::max(largest, difference);
      difference_squares += difference * difference;
      if (std::isfinite(a)) first_squares += a * a;
    }
  }
  TensorDifference result(const std::string& name) const {
    return {name, largest, ratio(std::sqrt(difference_squares), std::sqrt(first_squares))};
  }
};

std::string describe(const TensorFile::Entry& entry) {
  return printable(entry.name) + " " + entry.dtype + shape_text(entry.shape);
}

std::vector<std::string> missing_in(const TensorFile& file, const TensorFile& other) {
  std::vector<std::string> names;
  for (const TensorFile::Entry& entry : other.entries()) {
    if (file.find(entry.name) == nullptr) names.push_back(describe(entry));
  }
  return names;
}

}  // namespace

TensorStatistics statistics_of(const std::vector<double>& values) {
  TensorStatistics s{kInfinity, -kInfinity, 0, 0, 0};
  for (const double value : values) {
    if (!std::isfinite(value)) {
      ++s.not_finite;
      continue;
    }
    s.minimum = std::min(s.minimum, value);
    s.maximum = std::max(s.maximum, value);
    s.mean += value;
    s.norm += value * value;
  }
  const std::uint64_t finite = values.size() - s.not_finite;
  if (finite == 0) return {0, 0, 0, 0, s.not_finite};
  s.mean /= static_cast<double>(finite);
  s.norm = std::sqrt(s.norm);
  return s;
}

bool WeightsDifference::equal_within(double tolerance) const {
  return only_first.empty() && only_second.empty() && shapes.empty() && total.largest <= tolerance;
}

WeightsDifference difference_of(const TensorFile& first, const TensorFile& second) {
  WeightsDifference result;
  result.only_first = missing_in(second, first);
  result.only_second = missing_in(first, second);
  Comparison all;
  for (const TensorFile::Entry& entry : first.entries()) {
    const TensorFile::Entry* other = second.find(entry.name);
    if (other == nullptr) continue;
    if (entry.shape != other->shape) {
      result.shapes.push_back(printable(entry.name) + " " + shape_text(entry.shape) + " and " +
                              shape_text(other->shape));
      continue;
    }
    const std::vector<double> a = first.read_as<double>(entry.name), b = second.read_as<double>(entry.name);
    Comparison one;
    one.add(a, b);
    all.add(a, b);
    result.tensors.push_back(one.result(entry.name));
  }
  result.total = all.result("total");
  return result;
}

ConversionReport convert_weights(const TensorFile& from, const std::string& to, const std::string& dtype) {
  require(to.ends_with(".safetensors"), to,
          ": the file to write is a safetensors file, whatever it is called: give it ",
          "a name that ends with .safetensors");
  ConversionReport report;
  std::vector<NamedTensor> tensors;
  for (const TensorFile::Entry& entry : from.entries()) {
    if (dtype.empty() || !is_floating(entry.dtype) || entry.dtype == dtype) {
      tensors.push_back({entry.name, entry.dtype, entry.shape, from.read_bytes(entry)});
    } else {
      const std::vector<double> values = from.read_as<double>(entry.name);
      tensors.push_back(make_named_tensor<double>(entry.name, dtype, entry.shape, values));
      const std::uint64_t after = statistics_of(numbers_of<double>(dtype, tensors.back().data)).not_finite;
      if (after > statistics_of(values).not_finite) report.overflowed.push_back(printable(entry.name));
    }
    report.bytes += tensors.back().data.size();
  }
  report.tensors = tensors.size();
  std::map<std::string, std::string> metadata = from.metadata();
  metadata.emplace("format", "pt");
  write_safetensors(to, tensors, metadata);
  return report;
}

}  // namespace dgsam
