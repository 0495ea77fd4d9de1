// Images as columns of channels.
#pragma once

#include "engine/cuda/checks.h"
#include "engine/cuda/columns.h"

namespace dgsam {

/// x as one set of rows: a channel's sums go over all images. `vectors`: whether all addresses allow words.
inline Columns all_rows(ConstTensor x, bool vectors) {
  const std::int64_t channels = x.shape().last();
  return {1, x.elements() / channels, channels, vectors};
}

/// x as one set of rows per image.
inline Columns rows_of_images(ConstTensor x, bool vectors) {
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
