// DomainBed's training transform, the random decisions apart from the pixels:
// RandomResizedCrop(scale 0.7..1, ratio 3/4..4/3), horizontal flip (1/2), ColorJitter(0.3, 0.3, 0.3, 0.3), grey (1/10).
#pragma once

#include <array>

#include "data/image.h"
#include "data/resize.h"
#include "engine/core/rng.h"

namespace dgsam {

enum class Jitter { kBrightness, kContrast, kSaturation, kHue };

/// Everything that is random about one augmented image.
struct AugmentDraw {
  CropBox crop;
  bool flip = false;
  std::array<Jitter, 4> order{Jitter::kBrightness, Jitter::kContrast, Jitter::kSaturation, Jitter::kHue};
  float brightness = 1, contrast = 1, saturation = 1;  // each uniform in [0.7, 1.3)
  double hue = 0;                                      // uniform in [-0.3, 0.3), in turns; see hue_shift()
  bool grayscale = false;
};

/// Draws the decisions for an image of `width` x `height`, in torchvision's distribution.
AugmentDraw draw_augmentation(RandomStream& random, int width, int height);

/// What torchvision adds to 8-bit hues for `turns`, in 256ths of a turn.
int hue_shift(double turns);

/// Crops, resizes to `size` x `size` and jitters, bit-exact to torchvision over PIL for the same decisions.
Image augment(const Image& image, const AugmentDraw& draw, int size);

// The single steps, each exact to torchvision's PIL functional of the same name.
void adjust_brightness(Image& image, float factor);
void adjust_contrast(Image& image, float factor);
void adjust_saturation(Image& image, float factor);
void adjust_hue(Image& image, double turns);
void to_grayscale(Image& image);
void flip_horizontally(Image& image);

}  // namespace dgsam
