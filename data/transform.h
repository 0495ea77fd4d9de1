// From a decoded image to the numbers a network reads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/augment.h"
#include "data/image.h"

namespace dgsam {

/// What every image of a run goes through.
struct TransformSpec {
  int image_size = 224;
  bool augment = false;  // the training transform of augment.h; false: resize to image_size x image_size only
  int channels = 3;      // 1 to 3: the network reads the first of an image's red, green and blue
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};  // ImageNet's, per channel, of pixels in [0, 1]
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};
};

/// Numbers that a network reads of one image: image_size * image_size * channels.
inline std::size_t image_values(const TransformSpec& spec) {
  return static_cast<std::size_t>(spec.image_size) * spec.image_size * spec.channels;
}

/// A batch on the host: images (N, H, W, channels) normalised, labels (N). H = W = image_size.
struct HostBatch {
  std::vector<float> images;
  std::vector<std::int32_t> labels;

  int size() const { return static_cast<int>(labels.size()); }
};

/// (x / 255 - mean) / std in float, for each of the 256 values of x and each channel.
class Normaliser {
 public:
  /// Throws Error for a number of channels other than 1, 2 or 3 and a standard deviation that is not positive.
  explicit Normaliser(const TransformSpec& spec);
  /// Writes (height, width, channels) floats.
  void apply(const Image& image, float* out) const;

 private:
  int channels_;
  std::array<std::array<float, 256>, 3> table_;
};

/// Evaluation transform: resize to size x size, aspect not kept. Returns `image` itself when it has that size.
const Image& resize_for_evaluation(const Image& image, int size, Image& scratch);

}  // namespace dgsam
