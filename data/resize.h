// PIL's antialiased bilinear resize, bit for bit.
#pragma once

#include "data/image.h"

namespace dgsam {

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
