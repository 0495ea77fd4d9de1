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

namespace {

/// Rows of a (height, 3, width) image.
class PlanarImage {
 public:
  PlanarImage(std::vector<std::uint8_t> values, int width, int height)
      : values_(std::move(values)), width_(static_cast<std::size_t>(width)), height_(height) {}
  explicit PlanarImage(const Image& image)
      : PlanarImage(std::vector<std::uint8_t>(image.rgb.size()), image.width, image.height) {
    for (int y = 0; y < height_; ++y) split_channels(image.row(y), row(y));
  }
  Image join() {
    Image image(static_cast<int>(width_), height_);
    for (int y = 0; y < height_; ++y) join_channels(row(y), image.row(y));
    return image;
  }
  int height() const { return height_; }
  ColourRow row(int y) {
    std::uint8_t* red = &values_[3 * width_ * static_cast<std::size_t>(y)];
    return {red, red + width_, red + 2 * width_, width_};
  }
  /// The mean luma, as Pillow's statistics round it.
  int mean_luma() {
    std::int64_t sum = 0;
    for (int y = 0; y < height_; ++y) sum += luma_sum(row(y));
    return static_cast<int>(static_cast<double>(sum) / (static_cast<double>(width_) * height_) + 0.5);
  }

 private:
  std::vector<std::uint8_t> values_;
  std::size_t width_;
  int height_;
};

void flip_row(ColourRow row) {
  for (std::uint8_t* channel : {row.red, row.green, row.blue}) std::reverse(channel, channel + row.count);
}

/// `change(row)` for every row of an image of neighbouring channels.
template <class Change>
void change_rows(Image& image, const Change& change) {
  PlanarImage planar(image);
  for (int y = 0; y < planar.height(); ++y) change(planar.row(y));
  image = planar.join();
}

int hue_shift(double turns) { return static_cast<int>(turns * 255); }

/// One jitter on one row; `mean` is the whole image's luma before it, for contrast.
void jitter_row(ColourRow row, Jitter jitter, const AugmentDraw& draw, int mean) {
  switch (jitter) {
    case Jitter::kBrightness:
      return blend_row(row, 0, draw.brightness);
    case Jitter::kContrast:
      return blend_row(row, mean, draw.contrast);
    case Jitter::kSaturation:
      return saturate_row(row, draw.saturation);
    case Jitter::kHue:
      return shift_hue_row(row, hue_shift(draw.hue));
  }
}

}  // namespace

Image augment(const Image& image, const AugmentDraw& draw, int size) {
  PlanarImage result(resize_crop_planar(image, draw.crop, size, size), size, size);
  // Contrast needs the mean of what the jitters before it made: one pass over the rows up to there and one from there
  // on.
  const auto contrast = std::find(draw.order.begin(), draw.order.end(), Jitter::kContrast);
  for (int y = 0; y < size; ++y) {
    if (draw.flip) flip_row(result.row(y));
    for (auto jitter = draw.order.begin(); jitter != contrast; ++jitter) jitter_row(result.row(y), *jitter, draw, 0);
  }
  const int mean = result.mean_luma();
  for (int y = 0; y < size; ++y) {
    for (auto jitter = contrast; jitter != draw.order.end(); ++jitter) jitter_row(result.row(y), *jitter, draw, mean);
    if (draw.grayscale) grey_row(result.row(y));
  }
  return result.join();
}

void adjust_brightness(Image& image, float factor) {
  change_rows(image, [=](ColourRow row) { blend_row(row, 0, factor); });
}

void adjust_contrast(Image& image, float factor) {
  const int mean = PlanarImage(image).mean_luma();
  change_rows(image, [=](ColourRow row) { blend_row(row, mean, factor); });
}

void adjust_saturation(Image& image, float factor) {
  change_rows(image, [=](ColourRow row) { saturate_row(row, factor); });
}

void adjust_hue(Image& image, double turns) {
  change_rows(image, [=](ColourRow row) { shift_hue_row(row, hue_shift(turns)); });
}

void to_grayscale(Image& image) { change_rows(image, grey_row); }

void flip_horizontally(Image& image) { change_rows(image, flip_row); }

}  // namespace dgsam
