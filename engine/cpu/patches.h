// The matrices of a convolution as GEMM operands (see gemm.h), in either layout.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/backend.h"
#include "engine/cpu/gemm.h"
#include "engine/cpu/image.h"

namespace dgsam {

/// The im2col matrix of an image: row (n, p, q) of a grid, column (r, s, c) of a window, element
/// image[n, p·step + offset_h + direction·r, q·step + offset_w + direction·s, c], zero outside the image.
template <class T>
struct Patches {
  using Element = T;

  struct Row {
    const Patches* patches;
    std::int64_t n, h, w;

    Run<T> run(std::int64_t column) const {
      const ImageExtent& source = patches->image;
      const std::int64_t c = column % source.channels, tap = column / source.channels;
      const std::int64_t s = tap % patches->window_width;
      const std::int64_t row = h + patches->direction * (tap / patches->window_width);
      const std::int64_t col = w + patches->direction * s;
      if (row < 0 || row >= source.height || col < 0 || col >= source.width) return {nullptr, source.channels - c};
      std::int64_t length = source.run(c);
      // A dense row of pixels goes on from tap to tap: what keeps the three channels of the first layer fast.
      if (patches->direction == 1 && !source.blocked) {
        length += (std::min(patches->window_width - s, source.width - col) - 1) * source.channels;
      }
      return {patches->data + source.offset(n, row, col, c), length};
    }
  };

  Row row(std::int64_t index) const {
    const std::int64_t q = index % grid_width, p = index / grid_width % grid_height;
    return {this, index / grid_width / grid_height, p * step + offset_h, q * step + offset_w};
  }

  const T* data;
  ImageExtent image;
  std::int64_t grid_height, grid_width, window_width;
  std::int64_t step, offset_h, offset_w, direction;
};

/// An image as a matrix of pixels by channels.
template <class T>
Patches<T> pixels_of(ConstTensor x) {
  const ImageExtent image = image_of(x);
  return {x.as<T>(), image, image.height, image.width, 1, 1, 0, 0, 1};
}

/// One axis of one phase of a strided convolution's data gradient: the input positions h = phase + stride·i, which
/// only the taps r = first_tap + stride·t reach, from output position p = i + offset - t.
struct Phase {
  Phase(std::int64_t phase, std::int64_t extent, std::int64_t filter, const Conv2dSpec& spec)
      : start(phase),
        positions(extent > phase ? (extent - phase + spec.stride - 1) / spec.stride : 0),
        first_tap((phase + spec.padding) % spec.stride),
        taps(filter > first_tap ? (filter - first_tap + spec.stride - 1) / spec.stride : 0),
        offset((phase + spec.padding) / spec.stride) {}

  std::int64_t start, positions, first_tap, taps, offset;
};

/// The weights that one phase uses: row (t_r, t_s, k), column c, element w[k, r, s, c].
template <class T>
struct PhaseWeights {
  using Element = T;
  using Row = typename DenseMatrix<T>::Row;

  Row row(std::int64_t index) const {
    const std::int64_t k = index % outputs, tap = index / outputs;
    const std::int64_t r = vertical.first_tap + stride * (tap / horizontal.taps);
    const std::int64_t s = horizontal.first_tap + stride * (tap % horizontal.taps);
    return {data + ((k * filter_height + r) * filter_width + s) * channels, channels};
  }

  const T* data;
  std::int64_t outputs, filter_height, filter_width, channels;
  Phase vertical, horizontal;
  std::int64_t stride;
};

}  // namespace dgsam
