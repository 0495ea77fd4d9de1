// Three kernels over a batch: the resize's horizontal pass; its vertical pass, the flip and the jitters before
// contrast; and, contrast needing the mean luma that they left, the rest. Per output pixel about 3 bytes in per crop
// pixel, 12 of intermediate results, 12 (f32) or 6 (bf16) out. Built without contraction of a·b + c.
#include "engine/core/operands.h"
#include "engine/cuda/image_batch.h"
#include "engine/cuda/launch.h"
#include "engine/cuda/shared.h"
#include "engine/math/colour.h"

namespace dgsam {
namespace {

constexpr int kThreads = 256, kFractionBits = 22;

/// Blocks that cover `pixels` of one image.
int blocks_for(int pixels) { return (pixels + kThreads - 1) / kThreads; }

std::size_t round_up(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

/// The weighted sum of `taps` pixels, `stride` bytes apart.
__device__ Colour filtered(const std::uint8_t* from, std::int64_t stride, const std::int32_t* weights, int taps) {
  constexpr int kHalf = 1 << (kFractionBits - 1);
  Colour sum{kHalf, kHalf, kHalf};
  for (int t = 0; t < taps; ++t, from += stride) {
    sum.red += weights[t] * from[0];
    sum.green += weights[t] * from[1];
    sum.blue += weights[t] * from[2];
  }
  const auto byte = [](int value) { return (value >> kFractionBits) > 255 ? 255 : value >> kFractionBits; };
  return {byte(sum.red), byte(sum.green), byte(sum.blue)};
}

__device__ Colour load_colour(const std::uint8_t* from) { return {from[0], from[1], from[2]}; }
__device__ void store_colour(std::uint8_t* to, const Colour& colour) {
  to[0] = static_cast<std::uint8_t>(colour.red);
  to[1] = static_cast<std::uint8_t>(colour.green);
  to[2] = static_cast<std::uint8_t>(colour.blue);
}

/// Steps [begin, end) of the jitter. `mean` is the image's mean luma, for contrast.
__device__ Colour jittered(Colour colour, const ImageRecipe& recipe, int begin, int end, int mean) {
  for (int i = begin; i < end; ++i) {
    switch (recipe.order[i]) {
      case JitterStep::brightness:
        colour = blended(0, colour, recipe.brightness);
        break;
      case JitterStep::contrast:
        colour = blended(mean, colour, recipe.contrast);
        break;
      case JitterStep::saturation:
        colour = blended(luma_of(colour), colour, recipe.saturation);
        break;
      case JitterStep::hue:
        colour = hue_shifted(colour, recipe.hue_shift);
        break;
    }
  }
  return colour;
}

/// The place of contrast in the order; 0 when there is no jitter.
__device__ int contrast_step(const ImageRecipe& recipe) {
  int step = 0;
  while (recipe.jitter && step < 3 && recipe.order[step] != JitterStep::contrast) ++step;
  return step;
}

/// between [N][crop_rows][size][3]
__global__ void __launch_bounds__(kThreads)
    horizontal_kernel(const ImageJob* jobs, int crop_rows, int size, std::uint8_t* between) {
  const ImageJob& job = jobs[blockIdx.y];
  const ImageRecipe& recipe = job.recipe;
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  const int row = i / size, k = i % size;
  if (row >= recipe.crop_rows) return;
  const std::int64_t first =
      static_cast<std::int64_t>(recipe.crop_y + row) * job.width + recipe.crop_x + job.across.first[k];
  const std::int64_t to = (static_cast<std::int64_t>(blockIdx.y) * crop_rows + row) * size + k;
  store_colour(between + 3 * to,
               filtered(job.rgb + 3 * first, 3, job.across.weights + k * job.across.taps, job.across.taps));
}

/// pixels [N][size][size][3], and lumas [N][blocks]: the sum of each block's.
__global__ void __launch_bounds__(kThreads)
    vertical_kernel(const ImageJob* jobs, int crop_rows, int size, const std::uint8_t* between, std::uint8_t* pixels,
                    unsigned* lumas) {
  const ImageJob& job = jobs[blockIdx.y];
  const ImageRecipe& recipe = job.recipe;
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  unsigned luma = 0;
  if (i < size * size) {
    const int k = i / size, column = recipe.flip ? size - 1 - i % size : i % size;
    const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * crop_rows + job.down.first[k];
    Colour colour = filtered(between + 3 * (first * size + column), std::int64_t{3} * size,
                             job.down.weights + k * job.down.taps, job.down.taps);
    colour = jittered(colour, recipe, 0, contrast_step(recipe), 0);
    luma = static_cast<unsigned>(luma_of(colour));
    store_colour(pixels + 3 * (static_cast<std::int64_t>(blockIdx.y) * size * size + i), colour);
  }
  luma = block_sum(luma);
  if (threadIdx.x == 0) lumas[blockIdx.y * gridDim.x + blockIdx.x] = luma;
}

struct Normalisation {
  float mean[3], std[3];
};

template <class T>
__global__ void __launch_bounds__(kThreads)
    finish_kernel(const ImageJob* jobs, int size, int channels, Normalisation normalisation, const std::uint8_t* pixels,
                  const unsigned* lumas, T* out) {
  const ImageRecipe& recipe = jobs[blockIdx.y].recipe;
  unsigned sum = 0;  // of at most 4096² lumas of 255
  for (unsigned block = threadIdx.x; block < gridDim.x; block += kThreads) sum += lumas[blockIdx.y * gridDim.x + block];
  sum = block_sum(sum);
  int* const mean = shared_memory<int>() + kThreads / kWarp;  // behind the words of block_sum()
  if (threadIdx.x == 0) *mean = static_cast<int>(static_cast<double>(sum) / (static_cast<double>(size) * size) + 0.5);
  __syncthreads();
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (i >= size * size) return;
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.y) * size * size + i;
  Colour colour = load_colour(pixels + 3 * at);
  if (recipe.jitter) colour = jittered(colour, recipe, contrast_step(recipe), 4, *mean);
  if (recipe.grey) colour.red = colour.green = colour.blue = luma_of(colour);
  const int values[3] = {colour.red, colour.green, colour.blue};
  for (int c = 0; c < channels; ++c) {
    const float value = (static_cast<float>(values[c]) / 255.0f - normalisation.mean[c]) / normalisation.std[c];
    out[at * channels + c] = static_cast<T>(value);
  }
}

/// Where the three intermediate results lie in the scratch memory.
struct Layers {
  std::size_t pixels, lumas, end;  ///< offsets; the horizontal pass's result is at 0
};
Layers layers_of(int crop_rows, int images, int size) {
  const auto pixel_bytes = static_cast<std::size_t>(images) * static_cast<std::size_t>(size) * 3;
  const std::size_t pixels = round_up(pixel_bytes * static_cast<std::size_t>(crop_rows));
  const std::size_t lumas = pixels + round_up(pixel_bytes * static_cast<std::size_t>(size));
  return {pixels, lumas,
          lumas + static_cast<std::size_t>(images) * static_cast<std::size_t>(blocks_for(size * size)) * sizeof(int)};
}

}  // namespace

std::size_t image_scratch_bytes(int crop_rows, int images, int size) { return layers_of(crop_rows, images, size).end; }

void make_images(const Queue& queue, const ImageJobs& batch, void* scratch, Tensor out) {
  const Shape& shape = out.shape();
  require(shape.rank() == 4 && shape[1] == shape[2] && shape[3] >= 1 && shape[3] <= 3 && shape[1] <= 4096,
          "images: ", out.type, ", expected [N,size,size,C] with 1 to 3 channels and a size of at most 4096");
  const auto images = static_cast<unsigned>(shape[0]);
  const int size = static_cast<int>(shape[1]), channels = static_cast<int>(shape[3]);
  const Layers layers = layers_of(batch.crop_rows, static_cast<int>(images), size);
  auto* const between = static_cast<std::uint8_t*>(scratch);
  std::uint8_t* const pixels = between + layers.pixels;
  auto* const lumas = reinterpret_cast<unsigned*>(between + layers.lumas);
  const dim3 rows_grid(static_cast<unsigned>(blocks_for(batch.crop_rows * size)), images);
  const dim3 grid(static_cast<unsigned>(blocks_for(size * size)), images);
  const std::size_t shared = (kThreads / kWarp + 1) * sizeof(int);
  Normalisation normalisation{};
  for (int c = 0; c < 3; ++c) {
    normalisation.mean[c] = batch.mean[c];
    normalisation.std[c] = batch.std[c];
  }
  launch({"images, across", queue.stream, rows_grid, kThreads}, horizontal_kernel, batch.jobs, batch.crop_rows, size,
         between);
  launch({"images, down", queue.stream, grid, kThreads, shared}, vertical_kernel, batch.jobs, batch.crop_rows, size,
         between, pixels, lumas);
  with_type(out.dtype(), "images", [&]<class T>() {
    launch({"images, normalised", queue.stream, grid, kThreads, shared}, finish_kernel<T>, batch.jobs, size, channels,
           normalisation, pixels, lumas, out.as<T>());
  });
}

}  // namespace dgsam
