#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "engine/core/check.h"

namespace dgsam {
namespace {

/// ITU-R 601 luma in Pillow's fixed point.
int luma(const std::uint8_t* rgb) { return (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16; }

/// Pillow's Image.blend of one value: from + factor (to - from) in float, cut to a byte toward zero.
std::uint8_t blend(int from, int to, float factor) {
  const float value = static_cast<float>(from) + factor * static_cast<float>(to - from);
  return static_cast<std::uint8_t>(std::clamp(value, 0.0f, 255.0f));
}

/// Blends every value with one constant: 256 blends and a look-up.
void blend_with(Image& image, int from, float factor) {
  std::array<std::uint8_t, 256> table;
  for (int value = 0; value < 256; ++value) table[value] = blend(from, value, factor);
  for (std::uint8_t& value : image.rgb) value = table[value];
}

/// Pillow's RGB -> HSV (as Python's colorsys, in the same mix of float and double), hue shifted, -> RGB.
void shift_hue(std::uint8_t* rgb, int shift) {
  const int r = rgb[0], g = rgb[1], b = rgb[2];
  const int most = std::max({r, g, b}), least = std::min({r, g, b});
  if (most == least) return;  // grey has no hue
  const auto range = static_cast<float>(most - least);
  const float saturation = range / static_cast<float>(most);
  const float rc = static_cast<float>(most - r) / range;
  const float gc = static_cast<float>(most - g) / range;
  const float bc = static_cast<float>(most - b) / range;
  const auto sixths = static_cast<float>(r == most ? bc - gc : g == most ? 2.0 + rc - bc : 4.0 + gc - rc);
  const auto turns = static_cast<float>(std::fmod(sixths / 6.0 + 1.0, 1.0));
  const int hue = (std::clamp(static_cast<int>(turns * 255.0), 0, 255) + shift) & 255;
  const int s = std::clamp(static_cast<int>(saturation * 255.0), 0, 255);
  if (s == 0) {
    rgb[0] = rgb[1] = rgb[2] = static_cast<std::uint8_t>(most);
    return;
  }
  const auto sector = static_cast<int>(std::floor(static_cast<float>(hue) * 6.0 / 255.0));
  const auto f = static_cast<float>(static_cast<float>(hue) * 6.0 / 255.0 - sector);
  const auto fs = static_cast<float>(static_cast<float>(s) / 255.0);
  const auto scaled = [most](double part) {
    return static_cast<std::uint8_t>(std::clamp(static_cast<int>(std::round(most * part)), 0, 255));
  };
  const auto v = static_cast<std::uint8_t>(most);
  const std::uint8_t p = scaled(1.0 - fs), q = scaled(1.0 - fs * f), t = scaled(1.0 - fs * (1.0 - f));
  const std::uint8_t sectors[6][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
  std::copy_n(sectors[sector % 6], 3, rgb);
}

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

Image augment(const Image& image, const AugmentDraw& draw, int size) {
  Image result = resize_crop(image, draw.crop, size, size);
  if (draw.flip) flip_horizontally(result);
  for (const Jitter jitter : draw.order) {
    switch (jitter) {
      case Jitter::kBrightness:
        adjust_brightness(result, draw.brightness);
        break;
      case Jitter::kContrast:
        adjust_contrast(result, draw.contrast);
        break;
      case Jitter::kSaturation:
        adjust_saturation(result, draw.saturation);
        break;
      case Jitter::kHue:
        adjust_hue(result, draw.hue);
        break;
    }
  }
  if (draw.grayscale) to_grayscale(result);
  return result;
}

void adjust_brightness(Image& image, float factor) { blend_with(image, 0, factor); }

void adjust_contrast(Image& image, float factor) {
  std::int64_t sum = 0;
  for (std::size_t at = 0; at < image.rgb.size(); at += 3) sum += luma(&image.rgb[at]);
  const double mean = static_cast<double>(sum) / (static_cast<double>(image.width) * image.height);
  blend_with(image, static_cast<int>(mean + 0.5), factor);
}

void adjust_saturation(Image& image, float factor) {
  for (std::size_t at = 0; at < image.rgb.size(); at += 3) {
    const int grey = luma(&image.rgb[at]);
    for (std::size_t c = 0; c < 3; ++c) image.rgb[at + c] = blend(grey, image.rgb[at + c], factor);
  }
}

void adjust_hue(Image& image, double turns) {
  const auto shift = static_cast<int>(turns * 255);
  for (std::size_t at = 0; at < image.rgb.size(); at += 3) shift_hue(&image.rgb[at], shift);
}

void to_grayscale(Image& image) {
  for (std::size_t at = 0; at < image.rgb.size(); at += 3)
    image.rgb[at] = image.rgb[at + 1] = image.rgb[at + 2] = static_cast<std::uint8_t>(luma(&image.rgb[at]));
}

void flip_horizontally(Image& image) {
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* row = image.row(y);
    for (int left = 0, right = image.width - 1; left < right; ++left, --right)
      std::swap_ranges(row + 3 * left, row + 3 * left + 3, row + 3 * right);
  }
}

}  // namespace dgsam
