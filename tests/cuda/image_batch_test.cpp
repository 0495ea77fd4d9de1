// The image kernels against the CPU's transform, byte for byte.
#include "engine/cuda/image_batch.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "data/augment.h"
#include "data/transform.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

Image noise(int width, int height, std::uint64_t seed) {
  Image image(width, height);
  RandomStream random(seed, "noise");
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {  // smooth in part, so that hues are not all wild
    image.rgb[i] = static_cast<std::uint8_t>(random.next_u32() % 64 + 64 * (i / 97 % 4) * (i % 3 != 1));
  }
  return image;
}

/// Device copies that live as long as this.
class OnDevice {
 public:
  explicit OnDevice(Backend& backend) : backend_(backend) {}

  template <class T>
  const T* copy(const std::vector<T>& values) {
    const Buffer& buffer = buffers_.emplace_back(backend_, values.size() * sizeof(T));
    backend_.upload({buffer.data(), {DType::u8, {static_cast<std::int64_t>(buffer.bytes())}}}, values.data());
    return static_cast<const T*>(buffer.data());
  }

  /// Pillow's filter, as data/resize.cpp describes it.
  ResizeAxis axis(int in, int out) {
    const double scale = static_cast<double>(in) / out, width = std::max(scale, 1.0);
    const int taps = static_cast<int>(std::ceil(width)) * 2 + 1;
    std::vector<int> first(static_cast<std::size_t>(out));
    std::vector<std::int32_t> weights(static_cast<std::size_t>(out * taps));
    for (int k = 0; k < out; ++k) {
      const double centre = (k + 0.5) * scale;
      const int begin = std::max(0, static_cast<int>(centre - width + 0.5));
      const int end = std::min(in, static_cast<int>(centre + width + 0.5));
      std::vector<double> weight;
      double sum = 0;
      for (int t = begin; t < end; ++t) {
        weight.push_back(std::max(0.0, 1.0 - std::fabs((t - centre + 0.5) * (1.0 / width))));
        sum += weight.back();
      }
      first[static_cast<std::size_t>(k)] = begin;
      for (int t = 0; t < end - begin; ++t) {
        weights[static_cast<std::size_t>(k * taps + t)] =
            static_cast<std::int32_t>(weight[static_cast<std::size_t>(t)] / sum * (1 << 22) + 0.5);
      }
      // All outputs have as many taps: those of weight 0 must lie inside the image, too.
      const int shift = std::max(0, begin + taps - in);
      if (shift > begin) continue;
      first[static_cast<std::size_t>(k)] = begin - shift;
      const auto row = weights.begin() + k * taps;
      std::rotate(row, row + (taps - shift), row + taps);
    }
    return {taps, copy(first), copy(weights)};
  }

 private:
  Backend& backend_;
  std::deque<Buffer> buffers_;
};

ImageRecipe recipe_of(OnDevice& device, const Image& image, const AugmentDraw& draw, int size) {
  ImageRecipe recipe{};
  recipe.rgb = device.copy(image.rgb);
  recipe.width = image.width;
  recipe.crop_x = draw.crop.x;
  recipe.crop_y = draw.crop.y;
  recipe.crop_rows = draw.crop.height;
  recipe.across = device.axis(draw.crop.width, size);
  recipe.down = device.axis(draw.crop.height, size);
  recipe.flip = draw.flip;
  recipe.jitter = true;
  recipe.grey = draw.grayscale;
  for (std::size_t i = 0; i < 4; ++i) {
    recipe.order[i] = draw.order[i] == Jitter::kBrightness   ? JitterStep::brightness
                      : draw.order[i] == Jitter::kContrast   ? JitterStep::contrast
                      : draw.order[i] == Jitter::kSaturation ? JitterStep::saturation
                                                             : JitterStep::hue;
  }
  recipe.brightness = draw.brightness;
  recipe.contrast = draw.contrast;
  recipe.saturation = draw.saturation;
  recipe.hue_shift = static_cast<int>(draw.hue * 255);
  return recipe;
}

}  // namespace

TEST_CASE("the image kernels give the CPU's training transform to the bit") {
  CudaKernelBackend backend;
  Stream stream;
  const Queue queue{stream.get(), 1};
  constexpr int kImages = 24;
  for (const int size : {8, 33}) {
    for (const int channels : {3, 1}) {
      OnDevice device(backend);
      TransformSpec spec{.image_size = size, .augment = true, .channels = channels};
      const Normaliser normaliser(spec);
      std::vector<ImageRecipe> recipes;
      Array expected({kImages, size, size, channels});
      ImageBatch batch{nullptr, 0, {}, {}};
      for (int n = 0; n < kImages; ++n) {
        RandomStream random(static_cast<std::uint64_t>(n), "augment");
        const Image image = noise(20 + 7 * n % 50, 15 + 11 * n % 60, static_cast<std::uint64_t>(n));
        AugmentDraw draw = draw_augmentation(random, image.width, image.height);
        draw.grayscale = n % 5 == 0;
        recipes.push_back(recipe_of(device, image, draw, size));
        batch.crop_rows = std::max(batch.crop_rows, draw.crop.height);
        std::vector<float> values(image_values(spec));
        normaliser.apply(augment(image, draw, size), values.data());
        for (std::size_t i = 0; i < values.size(); ++i) {
          expected.values[static_cast<std::size_t>(n) * values.size() + i] = static_cast<double>(values[i]);
        }
      }
      batch.recipes = device.copy(recipes);
      std::copy(spec.mean.begin(), spec.mean.end(), batch.mean);
      std::copy(spec.std.begin(), spec.std.end(), batch.std);
      const Buffer scratch(backend, image_scratch_bytes(batch, kImages, size));
      for (const DType dtype : {DType::f32, DType::bf16}) {
        Tensors tensors(backend);
        const Tensor out = tensors.make({dtype, expected.shape});
        make_images(queue, batch, scratch.data(), out);
        Array rounded_values = expected;
        for (double& value : rounded_values.values) value = rounded(value, dtype);
        CHECK(tensors.read(out).values == rounded_values.values);
      }
    }
  }
}

TEST_CASE("without jitter the image kernels are the evaluation transform") {
  CudaKernelBackend backend;
  Stream stream;
  OnDevice device(backend);
  const Image image = noise(37, 21, 3);
  const TransformSpec spec{.image_size = 16};
  ImageRecipe recipe{};
  recipe.rgb = device.copy(image.rgb);
  recipe.width = image.width;
  recipe.crop_rows = image.height;
  recipe.across = device.axis(image.width, 16);
  recipe.down = device.axis(image.height, 16);
  ImageBatch batch{device.copy(std::vector<ImageRecipe>{recipe}), image.height, {}, {}};
  std::copy(spec.mean.begin(), spec.mean.end(), batch.mean);
  std::copy(spec.std.begin(), spec.std.end(), batch.std);
  std::vector<float> values(image_values(spec));
  Image memory;
  Normaliser(spec).apply(resize_for_evaluation(image, 16, memory), values.data());
  const Buffer scratch(backend, image_scratch_bytes(batch, 1, 16));
  Tensors tensors(backend);
  const Tensor out = tensors.make({DType::f32, {1, 16, 16, 3}});
  make_images({stream.get(), 1}, batch, scratch.data(), out);
  CHECK(tensors.read(out).values == std::vector<double>(values.begin(), values.end()));
}

}  // namespace dgsam::test
