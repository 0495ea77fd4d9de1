// For output k of an axis: centre = (k + 1/2) in/out, width = max(in/out, 1), taps from trunc(centre - width + 1/2) to
// trunc(centre + width + 1/2), weight of tap t = max(0, 1 - |t - centre + 1/2| / width), normalised in double, then
// rounded to 22 fractional bits. Bytes moved: the cropped rows once, the result of the horizontal pass twice.
#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/core/check.h"

namespace dgsam {
namespace {

constexpr int kFractionBits = 22;

/// The filter of one axis: output k is the sum over t of weights[k * stride + t] * input[first[k] + t].
struct AxisFilter {
  int stride = 0;
  std::vector<int> first, taps;
  std::vector<std::int32_t> weights;
};

AxisFilter make_filter(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double width = std::max(scale, 1.0);
  AxisFilter filter;
  filter.stride = static_cast<int>(std::ceil(width)) * 2 + 1;
  filter.first.resize(out);
  filter.taps.resize(out);
  filter.weights.resize(static_cast<std::size_t>(filter.stride) * out);
  std::vector<double> weight(filter.stride);
  for (int k = 0; k < out; ++k) {
    const double centre = (k + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - width + 0.5));
    const int taps = std::min(in, static_cast<int>(centre + width + 0.5)) - first;
    const double inverse_width = 1.0 / width;
    double sum = 0;
    for (int t = 0; t < taps; ++t) {
      weight[t] = std::max(0.0, 1.0 - std::fabs((t + first - centre + 0.5) * inverse_width));
      sum += weight[t];
    }
    for (int t = 0; t < taps; ++t) {
      const double normalised = sum == 0 ? weight[t] : weight[t] / sum;
      filter.weights[static_cast<std::size_t>(filter.stride) * k + t] =
          static_cast<std::int32_t>(normalised * (1 << kFractionBits) + 0.5);
    }
    filter.first[k] = first;
    filter.taps[k] = taps;
  }
  return filter;
}

std::uint8_t to_byte(std::int32_t sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255)); }

/// `rows` rows of `in` (each starting `in_stride` bytes after the last) to rows of `out_width` pixels.
void horizontal_pass(const std::uint8_t* in, std::size_t in_stride, int rows, const AxisFilter& filter, int out_width,
                     std::uint8_t* out) {
  for (int y = 0; y < rows; ++y, in += in_stride) {
    for (int k = 0; k < out_width; ++k, out += 3) {
      const std::int32_t* weight = &filter.weights[static_cast<std::size_t>(filter.stride) * k];
      const std::uint8_t* pixel = in + std::size_t{3} * static_cast<std::size_t>(filter.first[k]);
      std::int32_t red = 1 << (kFractionBits - 1), green = red, blue = red;
      for (int t = 0; t < filter.taps[k]; ++t, pixel += 3) {
        red += pixel[0] * weight[t];
        green += pixel[1] * weight[t];
        blue += pixel[2] * weight[t];
      }
      out[0] = to_byte(red);
      out[1] = to_byte(green);
      out[2] = to_byte(blue);
    }
  }
}

/// Rows of `row_bytes` bytes starting at `in`, whose first row is row `first_row` of the filter's input.
void vertical_pass(const std::uint8_t* in, std::size_t in_stride, int first_row, const AxisFilter& filter,
                   std::size_t row_bytes, int out_height, std::uint8_t* out) {
  std::vector<std::int32_t> sums(row_bytes);
  for (int k = 0; k < out_height; ++k, out += row_bytes) {
    std::fill(sums.begin(), sums.end(), 1 << (kFractionBits - 1));
    for (int t = 0; t < filter.taps[k]; ++t) {
      const std::int32_t weight = filter.weights[static_cast<std::size_t>(filter.stride) * k + t];
      const std::uint8_t* row = in + in_stride * static_cast<std::size_t>(filter.first[k] + t - first_row);
      for (std::size_t i = 0; i < row_bytes; ++i) sums[i] += row[i] * weight;
    }
    for (std::size_t i = 0; i < row_bytes; ++i) out[i] = to_byte(sums[i]);
  }
}

}  // namespace

Image resize_crop(const Image& image, const CropBox& box, int width, int height) {
  require(width > 0 && height > 0, "cannot resize to ", width, " x ", height, " pixels");
  require(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0 && box.width <= image.width - box.x &&
              box.height <= image.height - box.y,
          "the crop ", box.width, " x ", box.height, " at (", box.x, ", ", box.y, ") is not inside an image of ",
          image.width, " x ", image.height);
  const std::uint8_t* in = image.row(box.y) + std::size_t{3} * static_cast<std::size_t>(box.x);
  std::size_t in_stride = std::size_t{3} * static_cast<std::size_t>(image.width);
  const std::size_t row_bytes = std::size_t{3} * static_cast<std::size_t>(width);
  const bool across = width != box.width, down = height != box.height;

  AxisFilter vertical;
  int first_row = 0, rows = box.height;  // the horizontal pass does only the rows that the vertical one reads
  if (down) {
    vertical = make_filter(box.height, height);
    first_row = vertical.first.front();
    rows = vertical.first.back() + vertical.taps.back() - first_row;
    in += in_stride * static_cast<std::size_t>(first_row);
  }
  std::vector<std::uint8_t> between;
  if (across && down) {
    between.resize(row_bytes * static_cast<std::size_t>(rows));
    horizontal_pass(in, in_stride, rows, make_filter(box.width, width), width, between.data());
    in = between.data();
    in_stride = row_bytes;
  }

  Image result(width, height);
  if (down) {
    vertical_pass(in, in_stride, first_row, vertical, row_bytes, height, result.rgb.data());
  } else if (across) {
    horizontal_pass(in, in_stride, rows, make_filter(box.width, width), width, result.rgb.data());
  } else {
    for (int y = 0; y < height; ++y)
      std::memcpy(result.row(y), in + in_stride * static_cast<std::size_t>(y), row_bytes);
  }
  return result;
}

Image resize_bilinear(const Image& image, int width, int height) {
  return resize_crop(image, {0, 0, image.width, image.height}, width, height);
}

}  // namespace dgsam
