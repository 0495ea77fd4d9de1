#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "data/colour.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

/// Python's round(): halves to even, the default rounding mode.
int round_to_int(double value) { return static_cast<int>(std::nearbyint(value)); }

/// RandomResizedCrop.get_params of torchvision.
CropBox draw_crop(RandomStream& random, int width, int height) {
  constexpr double kNarrowest = 3.0 / 4, kWidest = 4.0 / 3;
  const double area = static_cast<double>(width) * height;
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * random.uniform(0.7, 1.0);
    const double ratio = std::exp(random.uniform(std::log(kNarrowest), std::log(kWidest)));
    const int w = round_to_int(std::sqrt(target * ratio)), h = round_to_int(std::sqrt(target / ratio));
    if (w <= 0 || h <= 0 || w > width || h > height) continue;
    const auto y = static_cast<int>(random.below(static_cast<std::uint64_t>(height - h) + 1));
    const auto x = static_cast<int>(random.below(static_cast<std::uint64_t>(width - w) + 1));
    return {x, y, w, h};
  }
  const double ratio = static_cast<double>(width) / height;
  CropBox box{0, 0, width, height};
  if (ratio < kNarrowest) box.height = round_to_int(width / kNarrowest);
  if (ratio > kWidest) box.width = round_to_int(height * kWidest);
  box.x = (width - box.width) / 2;
  box.y = (height - box.height) / 2;
  return box;
}

}  // namespace

AugmentDraw draw_augmentation(RandomStream& random, int width, int height) {
  require(width > 0 && height > 0, "cannot augment an image of ", width, " x ", height, " pixels");
  AugmentDraw draw;
  draw.crop = draw_crop(random, width, height);
  draw.flip = random.uniform() < 0.5;
  for (std::size_t last = draw.order.size() - 1; last > 0; --last)
    std::swap(draw.order[last], draw.order[random.below(last + 1)]);
  draw.brightness = static_cast<float>(random.uniform(0.7, 1.3));
  draw.contrast = static_cast<float>(random.uniform(0.7, 1.3));
  draw.saturation = static_cast<float>(random.uniform(0.7, 1.3));
  draw.hue = random.uniform(-0.3, 0.3);
  draw.grayscale = random.uniform() < 0.1;
  return draw;
}

int hue_shift(double turns) { return static_cast<int>(turns * 255); }

namespace {

/// `mean` is the whole image's mean luma before the jitter, for contrast.
void jitter_row(ColourRow& row, Jitter jitter, const AugmentDraw& draw, int mean) {
  switch (jitter) {
    case Jitter::kBrightness:
      return blend(row, 0, draw.brightness);
    case Jitter::kContrast:
      return blend(row, mean, draw.contrast);
    case Jitter::kSaturation:
      return saturate(row, draw.saturation);
    case Jitter::kHue:
      return shift_hue(row, hue_shift(draw.hue));
  }
}

/// As Pillow's statistics round it.
int mean_luma(std::int64_t sum, int width, int height) {
  return static_cast<int>(static_cast<double>(sum) / (static_cast<double>(width) * height) + 0.5);
}

/// `change(row)` for every row.
template <class Change>
void change_rows(Image& image, const Change& change) {
  ColourRow row(static_cast<std::size_t>(image.width));
  for (int y = 0; y < image.height; ++y) {
    row.load_rgb(image.row(y));
    change(row);
    row.store_rgb(image.row(y));
  }
}

}  // namespace

Image augment(const Image& image, const AugmentDraw& draw, int size) {
  std::vector<std::uint8_t> values = resize_crop_planar(image, draw.crop, size, size);
  ColourRow row(static_cast<std::size_t>(size));
  // Contrast needs the mean of what the jitters before it made: one pass over the rows up to there and one from there
  // on.
  const auto contrast = std::find(draw.order.begin(), draw.order.end(), Jitter::kContrast);
  std::int64_t sum = 0;
  std::uint8_t* place = values.data();
  for (int y = 0; y < size; ++y, place += row.size()) {
    row.load_planar(place, draw.flip);
    for (auto jitter = draw.order.begin(); jitter != contrast; ++jitter) jitter_row(row, *jitter, draw, 0);
    sum += luma_sum(row);
    row.store_planar(place);
  }
  const int mean = mean_luma(sum, size, size);
  Image result(size, size);
  place = values.data();
  for (int y = 0; y < size; ++y, place += row.size()) {
    row.load_planar(place, false);
    for (auto jitter = contrast; jitter != draw.order.end(); ++jitter) jitter_row(row, *jitter, draw, mean);
    if (draw.grayscale) to_grey(row);
    row.store_rgb(result.row(y));
  }
  return result;
}

void adjust_brightness(Image& image, float factor) {
  change_rows(image, [=](ColourRow& row) { blend(row, 0, factor); });
}

void adjust_contrast(Image& image, float factor) {
  std::int64_t sum = 0;
  change_rows(image, [&](ColourRow& row) { sum += luma_sum(row); });
  const int mean = mean_luma(sum, image.width, image.height);
  change_rows(image, [=](ColourRow& row) { blend(row, mean, factor); });
}

void adjust_saturation(Image& image, float factor) {
  change_rows(image, [=](ColourRow& row) { saturate(row, factor); });
}

void adjust_hue(Image& image, double turns) {
  change_rows(image, [=](ColourRow& row) { shift_hue(row, hue_shift(turns)); });
}

void to_grayscale(Image& image) { change_rows(image, to_grey); }

void flip_horizontally(Image& image) {
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* row = image.row(y);
    for (int left = 0, right = image.width - 1; left < right; ++left, --right)
      std::swap_ranges(row + 3 * left, row + 3 * left + 3, row + 3 * right);
  }
}

}  // namespace dgsam
