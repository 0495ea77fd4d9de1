// Checks of image operands, and images as columns of channels.
#pragma once

#include <string_view>

#include "engine/core/operands.h"
#include "engine/cuda/columns.h"

namespace dgsam {

/// Throws unless x is a dense image, or, where `or_matrix`, a matrix.
inline void check_dense_image(std::string_view op, std::string_view operand, const Tensor& x, bool or_matrix = false) {
  const int rank = x.shape().rank();
  require(x && (rank == 4 || (or_matrix && rank == 2)) && x.type.layout == Layout::dense, op, ": ", operand, " is ",
          x.type, ", expected a dense image [N,H,W,C]", or_matrix ? " or a matrix" : "");
}

/// x as one set of rows: a channel's sums go over all images. `vectors`: whether all addresses allow words.
inline Columns all_rows(const Tensor& x, bool vectors) {
  const std::int64_t channels = x.shape().last();
  return {1, x.elements() / channels, channels, vectors};
}

/// x as one set of rows per image.
inline Columns rows_of_images(const Tensor& x, bool vectors) {
  const Shape& shape = x.shape();
  return {shape[0], shape[1] * shape[2], shape[3], vectors};
}

/// The sum of x itself, as a body of column_sums().
template <class T>
struct PlainSum {
  const T* x;

  template <int kLanes>
  __device__ void add(std::int64_t offset, std::int64_t, std::int64_t, Master<T> (&sums)[1][kLanes]) const {
    const Vector<T, kLanes> v = load<kLanes>(x + offset);
    for (int l = 0; l < kLanes; ++l) sums[0][l] += static_cast<Master<T>>(v.lane[l]);
  }
};

}  // namespace dgsam
