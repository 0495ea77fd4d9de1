// What `dgsam-run weights` computes: statistics of a file's tensors, the differences of two files, a converted copy.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/io/tensor_file.h"

namespace dgsam {

/// Of the finite values of one tensor, in double.
struct TensorStatistics {
  double minimum = 0, maximum = 0, mean = 0;
  double norm = 0;               ///< root of the sum of squares
  std::uint64_t not_finite = 0;  ///< how many values are infinite or NaN
};
TensorStatistics statistics_of(const std::vector<double>& values);

struct TensorDifference {
  std::string name;
  double largest = 0;   ///< max |a - b|; infinite when a value is finite or NaN in one file alone
  double relative = 0;  ///< |a - b| / |a|, 0 when the values are equal, infinite when a alone is zero
};

struct WeightsDifference {
  std::vector<std::string> only_first, only_second;  ///< "conv1.weight F32[64, 3, 7, 7]"
  std::vector<std::string> shapes;                   ///< "fc.weight [1000, 512] and [7, 512]"
  std::vector<TensorDifference> tensors;             ///< of all others, in the first file's order
  TensorDifference total;                            ///< over all of them together, as one vector

  /// True when both have the same tensors and no value differs by more than the tolerance. Element types may differ.
  bool equal_within(double tolerance) const;
};
WeightsDifference difference_of(const TensorFile& first, const TensorFile& second);

struct ConversionReport {
  std::size_t tensors = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> overflowed;  ///< tensors with finite values that became infinite
};
/// Writes all tensors under their plain names, with the file's metadata, as safetensors. `dtype` "F32", "F16" or "BF16"
/// is given to floating types; "" keeps them. Throws Error that names a file.
ConversionReport convert_weights(const TensorFile& from, const std::string& to, const std::string& dtype);

}  // namespace dgsam
