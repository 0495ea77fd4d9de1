// Checks of image operands, for kernels and for what calls libraries.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/backend.h"
#include "engine/core/operands.h"

namespace dgsam {

/// Throws unless x is a dense image, or, where `or_matrix`, a matrix.
inline void check_dense_image(std::string_view op, std::string_view operand, ConstTensor x, bool or_matrix = false) {
  const int rank = x.shape().rank();
  require(x && (rank == 4 || (or_matrix && rank == 2)) && x.type.layout == Layout::dense, op, ": ", operand, " is ",
          x.type, ", expected a dense image [N,H,W,C]", or_matrix ? " or a matrix" : "");
}

/// The sizes of a convolution, by the letters of operations.def.
struct ConvGeometry {
  std::int64_t n, h, w, c, k, r, s, p, q;
  int stride, padding;
};

/// Of operands in the places of the forward operation. Throws Error that names them when they do not fit together.
inline ConvGeometry conv_geometry(const char* op, ConstTensor x, ConstTensor w, ConstTensor y, const Conv2dSpec& spec) {
  check_dense_image(op, "x", x);
  check_dense_image(op, "w", w);
  check_dense_image(op, "y", y);
  const Shape &in = x.shape(), &filter = w.shape(), &out = y.shape();
  const auto reached = [&](int axis) { return (in[axis] + 2 * spec.padding - filter[axis]) / spec.stride + 1; };
  require(spec.stride > 0 && spec.padding >= 0 && filter[3] == in[3], op, ": weights ", w.type, " do not fit ", x.type,
          " with stride ", spec.stride, " and padding ", spec.padding);
  require(out == Shape({in[0], reached(1), reached(2), filter[0]}), op, ": ", x.type, " and ", w.type, " with stride ",
          spec.stride, " and padding ", spec.padding, " do not give ", y.type);
  return {in[0], in[1], in[2], in[3], filter[0], filter[1], filter[2], out[1], out[2], spec.stride, spec.padding};
}

/// Throws unless y [N,K] is what weights w [K,C] make of x [N,C].
inline void check_matrices(const char* op, ConstTensor x, ConstTensor w, ConstTensor y) {
  require(x.shape().rank() == 2 && w.shape().rank() == 2 && y.shape().rank() == 2 && x.shape()[1] == w.shape()[1] &&
              y.shape() == Shape({x.shape()[0], w.shape()[0]}),
          op, ": weights ", w.type, " do not lead from ", x.type, " to ", y.type);
}

/// A matrix [rows, columns] as images of one pixel, or as filters of one.
template <class Data>
TensorView<Data> as_pixels(const TensorView<Data>& matrix) {
  return {matrix.data, {matrix.dtype(), {matrix.shape()[0], 1, 1, matrix.shape()[1]}}};
}

}  // namespace dgsam
