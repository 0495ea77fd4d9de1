#include "data/transform.h"

#include "engine/core/check.h"

namespace dgsam {

Normaliser::Normaliser(const TransformSpec& spec) : channels_(spec.channels) {
  require(channels_ >= 1 && channels_ <= 3, "a network reads 1, 2 or 3 channels of an image, not ", channels_);
  for (int c = 0; c < channels_; ++c) {
    require(spec.std[c] > 0, "the standard deviation of channel ", c, " is ", spec.std[c], "; it must be positive");
    for (int x = 0; x < 256; ++x) table_[c][x] = (static_cast<float>(x) / 255.0f - spec.mean[c]) / spec.std[c];
  }
}

void Normaliser::apply(const Image& image, float* out) const {
  if (channels_ == 3) {
    for (std::size_t at = 0; at < image.rgb.size(); at += 3) {
      for (std::size_t c = 0; c < 3; ++c) out[at + c] = table_[c][image.rgb[at + c]];
    }
    return;
  }
  for (std::size_t at = 0; at < image.rgb.size(); at += 3) {
    for (int c = 0; c < channels_; ++c) *out++ = table_[c][image.rgb[at + c]];
  }
}

const Image& resize_for_evaluation(const Image& image, int size, Image& scratch) {
  if (image.width == size && image.height == size) return image;
  scratch = resize_bilinear(image, size, size);
  return scratch;
}

}  // namespace dgsam
