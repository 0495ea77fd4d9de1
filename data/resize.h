// PIL's antialiased bilinear resize, bit for bit.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"

namespace dgsam {

/// The filter of one axis: output k is the sum over t < taps of weights[k * taps + t] * input[first[k] + t], in 22
/// fractional bits. All outputs have as many taps, some of weight 0: loops of one length predict well.
struct AxisFilter {
  int taps = 0;
  std::vector<int> first;
  std::vector<std::int32_t> weights;

  const std::int32_t* weights_of(int k) const { return &weights[static_cast<std::size_t>(taps) * k]; }
};

/// Pillow's BILINEAR from `in` pixels to `out`, both positive. All inputs with a tap exist.
AxisFilter make_filter(int in, int out);

/// A rectangle of whole pixels.
struct CropBox {
  int x = 0, y = 0, width = 0, height = 0;
  bool operator==(const CropBox&) const = default;
};

/// Image.resize((width, height), BILINEAR) of Pillow: a triangle filter as wide as the scale, horizontal pass first,
/// 8 bits between the passes, 22-bit fixed-point weights. Aspect is not kept.
Image resize_bilinear(const Image& image, int width, int height);

/// Image.crop(box).resize((width, height), BILINEAR): pixels outside the box have no influence.
/// Throws Error unless the box lies inside the image and both sizes are positive.
Image resize_crop(const Image& image, const CropBox& box, int width, int height);

/// The same with each row's red values first, then its green, then its blue ones: (height, 3, width).
std::vector<std::uint8_t> resize_crop_planar(const Image& image, const CropBox& box, int width, int height);

}  // namespace dgsam
