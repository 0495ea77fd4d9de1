#include "data/fashion_styles.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace dgsam {
namespace {

constexpr int kGarmentSize = 28;  // of Fashion-MNIST
constexpr int kCanvasSize = 32;   // the garment and its margin; lengths below are in units of size / 32

using Colour = std::array<float, 3>;

/// A square image of one channel in [0, 1], or beyond while it is worked on.
struct Plane {
  int size;
  std::vector<float> values;

  explicit Plane(int side) : size(side), values(static_cast<std::size_t>(side) * side) {}
  float& at(int x, int y) { return values[static_cast<std::size_t>(y) * size + x]; }
  float at(int x, int y) const { return values[static_cast<std::size_t>(y) * size + x]; }
  /// The border repeated outwards.
  float near(int x, int y) const { return at(std::clamp(x, 0, size - 1), std::clamp(y, 0, size - 1)); }
};

float mix(float a, float b, float t) { return a + (b - a) * t; }
float unit(float value) { return std::clamp(value, 0.0f, 1.0f); }

float draw(RandomStream& random, double low, double high) { return static_cast<float>(random.uniform(low, high)); }

/// A colour of the given saturation and brightness and any hue.
Colour draw_colour(RandomStream& random, float saturation, float brightness) {
  const float hue = draw(random, 0, 6);
  Colour colour;
  for (int c = 0; c < 3; ++c) {
    const float distance = std::fabs(std::remainder(hue - 2.0f * static_cast<float>(c), 6.0f));  // 0 .. 3 sixths
    colour[c] = brightness * (1 - saturation * unit(distance - 1));
  }
  return colour;
}

/// Bilinear value at pixel coordinates (x, y), `outside` beyond the samples.
template <class Value>
float interpolate(float x, float y, Value value) {
  const float left = std::floor(x), top = std::floor(y);
  const auto x0 = static_cast<int>(left), y0 = static_cast<int>(top);
  return mix(mix(value(x0, y0), value(x0 + 1, y0), x - left), mix(value(x0, y0 + 1), value(x0 + 1, y0 + 1), x - left),
             y - top);
}

/// The garment in the middle of a canvas, 0 around it.
Plane place(std::span<const std::uint8_t> garment, int size) {
  constexpr float kMargin = (kCanvasSize - kGarmentSize) / 2.0f;
  const auto value = [&](int x, int y) {
    const bool inside = x >= 0 && y >= 0 && x < kGarmentSize && y < kGarmentSize;
    return inside ? static_cast<float>(garment[static_cast<std::size_t>(y) * kGarmentSize + x]) / 255.0f : 0.0f;
  };
  const float scale = static_cast<float>(kCanvasSize) / static_cast<float>(size);
  const auto source = [&](int pixel) { return (static_cast<float>(pixel) + 0.5f) * scale - 0.5f - kMargin; };
  Plane canvas(size);
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) canvas.at(x, y) = interpolate(source(x), source(y), value);
  }
  return canvas;
}

/// Smooth noise in [0, 1]: a cells x cells grid of uniform numbers, interpolated.
Plane smooth_noise(RandomStream& random, int size, int cells) {
  Plane grid(cells + 1);
  for (float& value : grid.values) value = draw(random, 0, 1);
  Plane noise(size);
  const float scale = static_cast<float>(cells) / static_cast<float>(size);
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      noise.at(x, y) = interpolate((static_cast<float>(x) + 0.5f) * scale, (static_cast<float>(y) + 0.5f) * scale,
                                   [&](int i, int j) { return grid.near(i, j); });
    }
  }
  return noise;
}

/// Mean over a line of 2 reach + 1 points through each pixel, (dx, dy) pixels apart.
Plane smear(const Plane& plane, float dx, float dy, int reach) {
  Plane result(plane.size);
  for (int y = 0; y < plane.size; ++y) {
    for (int x = 0; x < plane.size; ++x) {
      float sum = 0;
      for (int step = -reach; step <= reach; ++step) {
        const auto shift = static_cast<float>(step);
        sum += plane.near(x + static_cast<int>(std::lround(shift * dx)), y + static_cast<int>(std::lround(shift * dy)));
      }
      result.at(x, y) = sum / static_cast<float>(2 * reach + 1);
    }
  }
  return result;
}

Plane blur(const Plane& plane, int reach) { return smear(smear(plane, 1, 0, reach), 0, 1, reach); }

/// Length of the brightness gradient, in brightness per canvas unit.
Plane edges(const Plane& plane) {
  Plane result(plane.size);
  const float per_unit = static_cast<float>(plane.size) / kCanvasSize / 2;
  for (int y = 0; y < plane.size; ++y) {
    for (int x = 0; x < plane.size; ++x) {
      const float dx = plane.near(x + 1, y) - plane.near(x - 1, y), dy = plane.near(x, y + 1) - plane.near(x, y - 1);
      result.at(x, y) = per_unit * std::sqrt(dx * dx + dy * dy);
    }
  }
  return result;
}

/// Evaluates colour(x, y) at every pixel.
template <class ColourAt>
Image render(int size, ColourAt colour_at) {
  Image image(size, size);
  std::uint8_t* out = image.rgb.data();
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      for (const float value : Colour(colour_at(x, y))) *out++ = static_cast<std::uint8_t>(unit(value) * 255 + 0.5f);
    }
  }
  return image;
}

/// A length given in canvas units, in whole pixels, at least 1.
int pixels(int size, float units) {
  return std::max(1, static_cast<int>(std::lround(units * static_cast<float>(size) / kCanvasSize)));
}

Image photo(const Plane& garment, RandomStream& random) {
  const Colour tint = draw_colour(random, draw(random, 0.1, 0.7), draw(random, 0.8, 1.0));
  const float brightness = draw(random, 0.25, 0.75);
  std::vector<Plane> scene;
  for (int c = 0; c < 3; ++c) {
    scene.push_back(smooth_noise(random, garment.size, 4));
    const Plane detail = smooth_noise(random, garment.size, 13);
    for (std::size_t i = 0; i < detail.values.size(); ++i)
      scene[c].values[i] = unit(brightness + 0.7f * (scene[c].values[i] - 0.5f) + 0.35f * (detail.values[i] - 0.5f));
  }
  return render(garment.size, [&](int x, int y) {
    const float light = garment.at(x, y), cover = unit(6 * light);
    Colour colour;
    for (int c = 0; c < 3; ++c) colour[c] = mix(scene[c].at(x, y), tint[c] * light, cover);
    return colour;
  });
}

Image sketch(const Plane& garment, RandomStream& random) {
  const float pressure = draw(random, 2.0, 3.5), paper = draw(random, 0.9, 1.0), grain = draw(random, 0.02, 0.1);
  const Plane lines = edges(garment);
  return render(garment.size, [&](int x, int y) {
    const float grey = paper * (1 - unit(pressure * lines.at(x, y))) - grain * draw(random, 0, 1);
    return Colour{grey, grey, grey};
  });
}

Image cartoon(const Plane& garment, RandomStream& random) {
  const Colour paint = draw_colour(random, draw(random, 0.6, 1.0), 1.0f);
  const Colour background = draw_colour(random, draw(random, 0.3, 0.9), draw(random, 0.7, 1.0));
  const Plane smooth = blur(garment, pixels(garment.size, 0.6f));
  const Plane outline = edges(smooth);
  return render(garment.size, [&](int x, int y) {
    if (outline.at(x, y) > 0.13f) return Colour{0.05f, 0.05f, 0.05f};
    const float light = smooth.at(x, y);
    if (light < 0.12f) return background;
    const float shade = light < 0.4f ? 0.45f : light < 0.7f ? 0.72f : 1.0f;
    return Colour{paint[0] * shade, paint[1] * shade, paint[2] * shade};
  });
}

Image painting(const Plane& garment, RandomStream& random) {
  Colour frequency, phase;
  for (int c = 0; c < 3; ++c) {
    frequency[c] = draw(random, 0.4, 0.9);
    phase[c] = draw(random, 0, 1);
  }
  const Plane smooth = blur(garment, pixels(garment.size, 0.8f));
  const Plane wash = smooth_noise(random, garment.size, 5);
  Plane grain(garment.size);
  for (float& value : grain.values) value = draw(random, -0.5, 0.5);
  const float angle = draw(random, 0, std::numbers::pi);
  const Plane strokes = smear(grain, std::cos(angle), std::sin(angle), pixels(garment.size, 3));
  return render(garment.size, [&](int x, int y) {
    const float place_in_palette = smooth.at(x, y) + 0.35f * wash.at(x, y) + 0.25f * strokes.at(x, y);
    Colour colour;
    for (int c = 0; c < 3; ++c) {
      const float turns = frequency[c] * place_in_palette + phase[c];
      colour[c] = 0.5f + 0.42f * std::sin(2 * std::numbers::pi_v<float> * turns) + 0.4f * strokes.at(x, y);
    }
    return colour;
  });
}

}  // namespace

Image paint_garment(std::span<const std::uint8_t> garment, FashionStyle style, int size, RandomStream& random) {
  const Plane canvas = place(garment, size);
  switch (style) {
    case FashionStyle::kCartoon:
      return cartoon(canvas, random);
    case FashionStyle::kPainting:
      return painting(canvas, random);
    case FashionStyle::kPhoto:
      return photo(canvas, random);
    case FashionStyle::kSketch:
      return sketch(canvas, random);
    case FashionStyle::kPlain:
      break;
  }
  return render(size, [&](int x, int y) { return Colour{canvas.at(x, y), canvas.at(x, y), canvas.at(x, y)}; });
}

}  // namespace dgsam
