// From decoded images in device memory to a network's input: crop, antialiased bilinear resize, flip, colour jitter,
// grey, normalise, to NHWC. Everything random is drawn on the host; bytes before normalisation are the CPU's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/tensor.h"
#include "engine/cuda/device.h"
#include "engine/image_store.h"

namespace dgsam {

/// A ResizeFilter in device memory.
struct ResizeAxis {
  int taps;
  const std::int32_t *first, *weights;
};

/// A recipe as the kernels read it.
struct ImageJob {
  ImageRecipe recipe;
  const std::uint8_t* rgb;  ///< device memory, [height][width][3]
  int width;
  ResizeAxis across, down;  ///< of the crop's columns and rows
};

struct ImageJobs {
  const ImageJob* jobs;  ///< device memory, one per image
  int crop_rows;         ///< of the highest crop
  std::array<float, 3> mean, std;
};

/// Bytes of scratch memory that make_images() needs for `images` images of `size` x `size` pixels.
std::size_t image_scratch_bytes(int crop_rows, int images, int size);

/// out [N, size, size, C] = ((pixel / 255) - mean) / std, C of 1 to 3. `scratch` is device memory. N is at most 65535.
void make_images(const Queue& queue, const ImageJobs& batch, void* scratch, Tensor out);

}  // namespace dgsam
