// The image kernels against the CPU's transform, byte for byte.
#include "data/transform.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "tests/ops/ops.h"
#include "tests/temporary_folder.h"
#include "tools/batches/device_images.h"

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

std::unique_ptr<ImageStore> store_of(Backend& backend, const std::vector<Image>& images, const TransformSpec& spec) {
  ImageStoreSpec store{.size = spec.image_size, .mean = spec.mean, .std = spec.std};
  for (const Image& image : images) {
    store.bytes += image.rgb.size();
    store.longest_side = std::max({store.longest_side, image.width, image.height});
  }
  store.filter = [&spec](int pixels) -> ResizeFilter {
    AxisFilter filter = make_filter(pixels, spec.image_size);
    return {filter.taps, filter.first, filter.weights};
  };
  std::unique_ptr<ImageStore> made = backend.make_image_store(store);
  for (const Image& image : images) made->add(image.width, image.height, image.rgb.data());
  return made;
}

ImageSize size_of(const Image& image) { return {image.width, image.height}; }

}  // namespace

TEST_CASE("the image kernels give the CPU's training transform to the bit") {
  CudaKernelBackend backend;
  constexpr int kImages = 24;
  std::vector<Image> images;
  for (int n = 0; n < kImages; ++n)
    images.push_back(noise(20 + 7 * n % 50, 15 + 11 * n % 60, static_cast<std::uint64_t>(n)));
  for (const int size : {8, 33}) {
    for (const int channels : {3, 1}) {
      const TransformSpec spec{.image_size = size, .augment = true, .channels = channels};
      const Normaliser normaliser(spec);
      const auto store = store_of(backend, images, spec);
      std::vector<ImageRecipe> recipes;
      Array expected({kImages, size, size, channels});
      for (int n = 0; n < kImages; ++n) {
        RandomStream random(static_cast<std::uint64_t>(n), "augment");
        const int number = (7 * n) % kImages;
        const Image& image = images[static_cast<std::size_t>(number)];
        AugmentDraw draw = draw_augmentation(random, image.width, image.height);
        draw.grayscale = n % 5 == 0;
        recipes.push_back(recipe_of(number, size_of(image), draw));
        std::vector<float> values(image_values(spec));
        normaliser.apply(augment(image, draw, size), values.data());
        for (std::size_t i = 0; i < values.size(); ++i) {
          expected.values[static_cast<std::size_t>(n) * values.size() + i] = static_cast<double>(values[i]);
        }
      }
      for (const DType dtype : {DType::f32, DType::bf16, DType::f64}) {
        Tensors tensors(backend);
        const Tensor out = tensors.make({dtype, expected.shape});
        store->make(recipes, out);
        Array rounded_values = expected;
        for (double& value : rounded_values.values) value = rounded(value, dtype);
        CHECK(tensors.read(out).values == rounded_values.values);
      }
    }
  }
}

TEST_CASE("without a draw the image kernels are the evaluation transform, for more images than one launch takes") {
  CudaKernelBackend backend;
  constexpr int kImages = 260;
  const std::vector<Image> images{noise(7, 5, 3), noise(2, 2, 4)};
  const TransformSpec spec{.image_size = 2};
  const auto store = store_of(backend, images, spec);
  const Normaliser normaliser(spec);
  std::vector<ImageRecipe> recipes;
  std::vector<double> expected;
  for (int n = 0; n < kImages; ++n) {
    const int number = n % 3 == 0;
    const Image& image = images[static_cast<std::size_t>(number)];
    recipes.push_back(recipe_of(number, size_of(image), {}));
    std::vector<float> values(image_values(spec));
    Image memory;
    normaliser.apply(resize_for_evaluation(image, spec.image_size, memory), values.data());
    expected.insert(expected.end(), values.begin(), values.end());
  }
  Tensors tensors(backend);
  const Tensor out = tensors.make({DType::f32, {kImages, 2, 2, 3}});
  const std::int64_t launches = emulated::device().launches;
  store->make(recipes, out);
  CHECK(emulated::device().launches == launches + 6);
  CHECK(tensors.read(out).values == expected);
}

TEST_CASE("an image store refuses what was not reserved and crops that leave their image") {
  CudaKernelBackend backend;
  const std::vector<Image> images{noise(6, 4, 1)};
  const TransformSpec spec{.image_size = 4};
  const auto store = store_of(backend, images, spec);
  CHECK(error_of([&] { store->add(6, 4, images[0].rgb.data()); }).find("6 x 4 pixels does not fit") !=
        std::string::npos);
  Tensors tensors(backend);
  const Tensor out = tensors.make({DType::f32, {1, 4, 4, 3}});
  const ImageRecipe beyond{.crop_x = 1, .crop_columns = 6, .crop_rows = 4};
  CHECK(error_of([&] { store->make(std::vector{beyond}, out); }).find("not inside an image of 6 x 4") !=
        std::string::npos);
  CHECK(error_of([&] { store->make(std::vector<ImageRecipe>(2), out); }).find("for 2 recipes") != std::string::npos);
}

}  // namespace dgsam::test
