// Decoded images in device memory, and batches of a network's input made of them there.
//
// Everything random is drawn by the caller; a batch's bytes before normalisation are those of data/'s transforms.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/core/tensor.h"

namespace dgsam {

enum class JitterStep : std::uint8_t { brightness, contrast, saturation, hue };

/// What becomes of one image: crop, resize, flip, colour jitter, grey.
struct ImageRecipe {
  int image = 0;  ///< its number in the store
  int crop_x = 0, crop_y = 0, crop_columns = 0, crop_rows = 0;
  bool flip = false;
  bool jitter = false;  ///< the steps below, in order
  bool grey = false;
  std::array<JitterStep, 4> order{};
  float brightness = 1, contrast = 1, saturation = 1;
  int hue_shift = 0;  ///< in 256ths of a turn
};

/// The resize of one axis: output k is the sum over t < taps of weights[k·taps + t] · input[first[k] + t], in 22
/// fractional bits. All inputs that are read exist.
struct ResizeFilter {
  int taps = 0;
  std::vector<int> first;
  std::vector<std::int32_t> weights;
};

struct ImageStoreSpec {
  std::size_t bytes = 0;                             ///< of all images that will be added
  int longest_side = 0;                              ///< of them, in pixels
  int size = 224;                                    ///< rows and columns of what is made
  std::array<float, 3> mean{}, std{};                ///< of pixels in [0, 1]
  std::function<ResizeFilter(int pixels)> filter{};  ///< from 1 to longest_side pixels to `size`
};

/// All its memory is taken when it is made.
class ImageStore {
 public:
  virtual ~ImageStore() = default;
  /// Copies the next image, [height][width][3]; the first one has number 0. Throws Error when it goes beyond the spec.
  virtual void add(int width, int height, const std::uint8_t* rgb) = 0;
  /// Queues what writes out[n] = ((pixel / 255) - mean) / std by recipes[n], for all recipes. out [N, size, size, C]
  /// dense, f32, f64 or bf16, C of 1 to 3: the first of red, green, blue. N is the number of recipes.
  virtual void make(std::span<const ImageRecipe> recipes, Tensor out) = 0;
};

}  // namespace dgsam
