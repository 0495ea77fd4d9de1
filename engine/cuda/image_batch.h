// From decoded images in device memory to a network's input: crop, antialiased bilinear resize, flip, colour jitter,
// grey, normalise, to NHWC. Everything random is drawn on the host; bytes before normalisation are the CPU's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/tensor.h"
#include "engine/cuda/device.h"

namespace dgsam {

/// One axis of a resize: output k is the sum over t < taps of weights[k·taps + t] · input[first[k] + t], in 22
/// fractional bits. Pointers to device memory.
struct ResizeAxis {
  int taps;
  const int* first;
  const std::int32_t* weights;
};

enum class JitterStep : std::uint8_t { brightness, contrast, saturation, hue };

/// What becomes of one image.
struct ImageRecipe {
  const std::uint8_t* rgb;  ///< device memory, [height][width][3]
  int width;
  int crop_x, crop_y, crop_rows;
  ResizeAxis across, down;  ///< of the crop's columns and rows
  bool flip, jitter, grey;  ///< jitter: the steps below, in order
  JitterStep order[4];
  float brightness, contrast, saturation;
  int hue_shift;  ///< in 256ths of a turn
};

struct ImageBatch {
  const ImageRecipe* recipes;  ///< device memory, one per image
  int crop_rows;               ///< of the highest crop
  float mean[3], std[3];       ///< of pixels in [0, 1]
};

/// Bytes of scratch memory that make_images() needs for `images` images of `size` x `size` pixels.
std::size_t image_scratch_bytes(const ImageBatch& batch, int images, int size);

/// out [N, size, size, C] = ((pixel / 255) - mean) / std, f32 or bf16, C of 1 to 3. `scratch` is device memory.
void make_images(const Queue& queue, const ImageBatch& batch, void* scratch, const Tensor& out);

}  // namespace dgsam
