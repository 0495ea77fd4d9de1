#include "tools/batches/device_images.h"

#include <algorithm>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {
namespace {

/// Decoded at a time, then sent: enough for all threads, little memory.
constexpr std::int64_t kImagesAtOnce = 256;

JitterStep step_of(Jitter jitter) {
  switch (jitter) {
    case Jitter::kBrightness:
      return JitterStep::brightness;
    case Jitter::kContrast:
      return JitterStep::contrast;
    case Jitter::kSaturation:
      return JitterStep::saturation;
    case Jitter::kHue:
      break;
  }
  return JitterStep::hue;
}

ImageStoreSpec spec_of(const std::vector<ImageSize>& sizes, const TransformSpec& transform) {
  ImageStoreSpec spec{.bytes = pixel_bytes(sizes), .size = transform.image_size};
  for (const ImageSize& size : sizes) spec.longest_side = std::max({spec.longest_side, size.width, size.height});
  spec.mean = transform.mean;
  spec.std = transform.std;
  spec.filter = [out = transform.image_size](int pixels) -> ResizeFilter {
    AxisFilter filter = make_filter(pixels, out);
    return {filter.taps, std::move(filter.first), std::move(filter.weights)};
  };
  return spec;
}

}  // namespace

std::size_t pixel_bytes(std::span<const ImageSize> sizes) {
  std::size_t pixels = 0;
  for (const ImageSize& size : sizes)
    pixels += static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
  return 3 * pixels;
}

ImageRecipe recipe_of(int number, const ImageSize& size, const std::optional<AugmentDraw>& draw) {
  ImageRecipe recipe{.image = number, .crop_columns = size.width, .crop_rows = size.height};
  if (!draw) return recipe;
  recipe.crop_x = draw->crop.x;
  recipe.crop_y = draw->crop.y;
  recipe.crop_columns = draw->crop.width;
  recipe.crop_rows = draw->crop.height;
  recipe.flip = draw->flip;
  recipe.jitter = true;
  recipe.grey = draw->grayscale;
  std::transform(draw->order.begin(), draw->order.end(), recipe.order.begin(), step_of);
  recipe.brightness = draw->brightness;
  recipe.contrast = draw->contrast;
  recipe.saturation = draw->saturation;
  recipe.hue_shift = hue_shift(draw->hue);
  return recipe;
}

DeviceImages::DeviceImages(Backend& backend, const ImageCache& cache, std::vector<ImageSize> sizes,
                           const TransformSpec& transform, int threads, const Progress& progress)
    : sizes_(std::move(sizes)),
      bytes_(pixel_bytes(sizes_)),
      store_(backend.make_image_store(spec_of(sizes_, transform))) {
  struct Place {
    int domain, index;
  };
  std::vector<Place> places;
  const auto& domains = cache.folder().domains;
  for (int domain = 0; domain < static_cast<int>(domains.size()); ++domain) {
    first_.push_back(static_cast<int>(places.size()));
    const auto count = static_cast<int>(domains[static_cast<std::size_t>(domain)].samples.size());
    for (int index = 0; index < count; ++index) places.push_back({domain, index});
  }
  std::vector<Image> images(static_cast<std::size_t>(std::min(kImagesAtOnce, count())));
  for (std::int64_t first = 0; first < count(); first += kImagesAtOnce) {
    const std::int64_t some = std::min(kImagesAtOnce, count() - first);
    parallel_items(some, threads, [&](std::int64_t item) {
      const Place& place = places[static_cast<std::size_t>(first + item)];
      Image& image = images[static_cast<std::size_t>(item)];
      const Image& decoded = cache.get(place.domain, place.index, image);
      if (&decoded != &image) image = decoded;
    });
    for (std::int64_t item = 0; item < some; ++item) {
      const auto at = static_cast<std::size_t>(first + item);
      const Image& image = images[static_cast<std::size_t>(item)];
      const Sample& sample =
          domains[static_cast<std::size_t>(places[at].domain)].samples[static_cast<std::size_t>(places[at].index)];
      require(ImageSize{image.width, image.height} == sizes_[at], sample.path.string(), " has ", image.width, " x ",
              image.height, " pixels, not the ", sizes_[at].width, " x ", sizes_[at].height, " of its header");
      store_->add(image.width, image.height, image.rgb.data());
    }
    if (progress) progress(first + some, count());
  }
}

ImageRecipe DeviceImages::recipe(const BatchElement& element) const {
  const int number = first_.at(static_cast<std::size_t>(element.domain)) + element.index;
  const ImageSize& size = sizes_.at(static_cast<std::size_t>(number));
  std::optional<AugmentDraw> draw;
  if (element.random) {
    RandomStream random = *element.random;
    draw = draw_augmentation(random, size.width, size.height);
  }
  return recipe_of(number, size, draw);
}

}  // namespace dgsam
