// Three ways to walk over an image tensor in either layout.
#pragma once

#include <string_view>

#include "engine/core/tensor.h"

namespace dgsam {

/// Any element of an image by its coordinates.
struct ImageExtent {
  std::int64_t images, height, width, channels;
  bool blocked;

  std::int64_t offset(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) const {
    if (!blocked) return ((n * height + h) * width + w) * channels + c;
    return (((n * (channels / kBlock) + c / kBlock) * height + h) * width + w) * kBlock + c % kBlock;
  }
  /// How many channels from c on lie side by side.
  std::int64_t run(std::int64_t c) const { return blocked ? kBlock - c % kBlock : channels - c; }
};

inline ImageExtent image_of(ConstTensor x) {
  const Shape& shape = x.shape();
  return {shape[0], shape[1], shape[2], shape[3], x.type.layout == Layout::blocked16};
}

/// The dense image that has the same bytes: N·C/16 images of 16 channels for a blocked one. For operations that treat
/// all channels alike.
inline ImageExtent plane_of(ConstTensor x) {
  ImageExtent image = image_of(x);
  if (image.blocked) image = {image.images * (image.channels / kBlock), image.height, image.width, kBlock, false};
  return image;
}

/// [images][groups][pixels][lanes] in memory; channel = group·lanes + lane. Dense images have one group; a matrix is
/// one image whose pixels are its rows.
struct ChannelView {
  std::int64_t images, groups, pixels, lanes;

  std::int64_t channels() const { return groups * lanes; }
};

inline ChannelView channel_view(ConstTensor x) {
  const Shape& shape = x.shape();
  if (shape.rank() == 2) return {1, 1, shape[0], shape[1]};
  if (x.type.layout == Layout::dense) return {shape[0], 1, shape[1] * shape[2], shape[3]};
  return {shape[0], shape[3] / kBlock, shape[1] * shape[2], kBlock};
}

/// Throws unless x is an image, or, where `or_matrix`, a matrix.
inline void check_image(std::string_view op, std::string_view operand, ConstTensor x, bool or_matrix = false) {
  const int rank = x.shape().rank();
  const bool blocked = x.type.layout == Layout::blocked16;
  require(x && (rank == 4 || (or_matrix && rank == 2 && !blocked)) && (!blocked || x.shape().last() % kBlock == 0), op,
          ": ", operand, " is ", x.type, ", expected an image [N,H,W,C]", or_matrix ? " or a matrix" : "");
}

}  // namespace dgsam
