// The demo's styles: how one grey garment becomes a photo, a sketch, a cartoon or a painting.
#pragma once

#include <cstdint>
#include <span>

#include "data/image.h"
#include "engine/core/rng.h"

namespace dgsam {

enum class FashionStyle { kCartoon, kPainting, kPhoto, kSketch, kPlain };

/// Paints a 28 x 28 grey garment (0 = background) as a size x size image with a margin of 1/16 on each side.
/// photo: tinted, over a blurred coloured texture. sketch: dark where the brightness changes, on grained paper.
/// cartoon: three flat shades of one colour on another, outlined in black. painting: blurred garment plus blurred noise
/// through a palette of sinusoids, with brush strokes. plain: the grey garment itself.
Image paint_garment(std::span<const std::uint8_t> garment, FashionStyle style, int size, RandomStream& random);

}  // namespace dgsam
