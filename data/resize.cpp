// For output k of an axis: centre = (k + 1/2) in/out, width = max(in/out, 1), taps from trunc(centre - width + 1/2) to
// trunc(centre + width + 1/2), weight of tap t = max(0, 1 - |t - centre + 1/2| / width), normalised in double, then
// rounded to 22 fractional bits. An axis that keeps its size has weights 1 and 0: a copy, as in Pillow.
//
// The horizontal pass takes 16 rows at a time, turned so that the 16 bytes of a column are neighbours: one weight then
// multiplies 16 values. Bytes moved: the cropped rows once, the result of the horizontal pass twice.
#include "data/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>

#include "engine/core/check.h"
#include "engine/core/simd_level.h"

namespace dgsam {
namespace {

constexpr int kFractionBits = 22;
constexpr std::size_t kLanes = 16;

using Bytes = std::uint8_t __attribute__((vector_size(kLanes)));
/// Sums side by side. GCC widens bytes best 8 at a time for registers of 32 bytes, 16 at a time for narrower and wider
/// ones.
template <int register_bytes>
struct SumsFor {
  static constexpr std::size_t kCount = register_bytes == 32 ? 8 : 16;
  typedef std::int32_t Sums __attribute__((vector_size(4 * kCount)));
  typedef std::int16_t Words __attribute__((vector_size(2 * kCount)));
  typedef std::uint8_t Bytes __attribute__((vector_size(kCount)));
};
using Tile = std::array<Bytes, kLanes>;

std::size_t round_up(std::size_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

}  // namespace

AxisFilter make_filter(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  const double width = std::max(scale, 1.0), inverse_width = 1.0 / width;
  AxisFilter filter;
  filter.first.resize(out);
  std::vector<int> last(out);
  for (int k = 0; k < out; ++k) {
    const double centre = (k + 0.5) * scale;
    filter.first[k] = std::max(0, static_cast<int>(centre - width + 0.5));
    last[k] = std::min(in, static_cast<int>(centre + width + 0.5));
    filter.taps = std::max(filter.taps, last[k] - filter.first[k]);
  }
  filter.weights.resize(static_cast<std::size_t>(filter.taps) * out);
  std::vector<double> weight(filter.taps);
  for (int k = 0; k < out; ++k) {
    const double centre = (k + 0.5) * scale;
    const int first = filter.first[k], taps = last[k] - first;
    double sum = 0;
    for (int t = 0; t < taps; ++t) {
      weight[t] = std::max(0.0, 1.0 - std::fabs((t + first - centre + 0.5) * inverse_width));
      sum += weight[t];
    }
    filter.first[k] = std::min(first, in - filter.taps);
    std::int32_t* rounded = &filter.weights[static_cast<std::size_t>(filter.taps) * k + (first - filter.first[k])];
    for (int t = 0; t < taps; ++t)
      rounded[t] = static_cast<std::int32_t>((sum == 0 ? weight[t] : weight[t] / sum) * (1 << kFractionBits) + 0.5);
  }
  return filter;
}

namespace {

/// Sixteen outputs: `taps` inputs of 16 bytes, `stride` bytes apart, times their weights.
template <int register_bytes>
void weighted_sum(RegisterBytes<register_bytes>, const std::uint8_t* in, std::size_t stride,
                  const std::int32_t* weights, int taps, std::uint8_t* out) {
  using For = SumsFor<register_bytes>;
  using Sums = typename For::Sums;
  constexpr std::size_t kCount = For::kCount, kParts = kLanes / kCount;
  Sums sums[kParts];
  for (Sums& part : sums) part = Sums{} + (1 << (kFractionBits - 1));
  for (int t = 0; t < taps; ++t, in += stride) {
    for (std::size_t p = 0; p < kParts; ++p) {
      Sums values{};
      for (std::size_t i = 0; i < kCount; ++i) values[i] = in[p * kCount + i];
      sums[p] += values * weights[t];
    }
  }
  for (std::size_t p = 0; p < kParts; ++p) {
    const Sums value = sums[p] >> kFractionBits;
    const auto words =
        __builtin_convertvector(value > 255 ? 255 : value, typename For::Words);  // weights may add up to more than 1
    const auto bytes = __builtin_convertvector(words, typename For::Bytes);
    std::memcpy(out + p * kCount, &bytes, kCount);
  }
}

/// Byte c of row r becomes byte r of row c: four perfect shuffles of the tile's halves.
void transpose(Tile& tile) {
  for (int round = 0; round < 4; ++round) {
    Tile shuffled;
    for (std::size_t i = 0; i < kLanes / 2; ++i) {
      const Bytes &a = tile[i], &b = tile[i + kLanes / 2];
      shuffled[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      shuffled[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    tile = shuffled;
  }
}

/// Up to 16 rows, `stride` bytes apart, of `row_bytes` bytes each, to 16 bytes per column.
void rows_to_columns(const std::uint8_t* rows, std::size_t stride, std::size_t row_count, std::size_t row_bytes,
                     std::uint8_t* columns) {
  const auto turn = [&](std::size_t at, std::size_t count) {
    Tile tile{};
    const std::uint8_t* row = rows + at;
    for (std::size_t r = 0; r < kLanes; ++r) {
      std::memcpy(&tile[r], row, count);
      if (r + 1 < row_count) row += stride;
    }
    transpose(tile);
    for (std::size_t c = 0; c < kLanes; ++c) std::memcpy(columns + kLanes * (at + c), &tile[c], kLanes);
  };
  std::size_t at = 0;
  for (; at + kLanes <= row_bytes; at += kLanes) turn(at, kLanes);
  if (at < row_bytes) turn(at, row_bytes - at);
}

/// Which output of the filter stands at a place of a filtered row, and the column of bytes where its taps begin.
struct Place {
  int k = 0;
  std::size_t column = 0;
};

std::vector<Place> places(const AxisFilter& filter, int width, bool planar) {
  std::vector<Place> row;
  row.reserve(std::size_t{3} * static_cast<std::size_t>(width));
  const auto add = [&](int k, std::size_t channel) { row.push_back({k, std::size_t{3} * filter.first[k] + channel}); };
  if (planar) {
    for (std::size_t c = 0; c < 3; ++c)
      for (int k = 0; k < width; ++k) add(k, c);
  } else {
    for (int k = 0; k < width; ++k)
      for (std::size_t c = 0; c < 3; ++c) add(k, c);
  }
  return row;
}

/// `rows` rows of `in_width` pixels, `stride` bytes apart, to rows of `width` pixels, `out_stride` bytes apart, which
/// is a multiple of 16. `out` has room for a multiple of 16 rows.
void horizontal_pass(const std::uint8_t* in, std::size_t stride, std::size_t rows, int in_width, int width, bool planar,
                     std::uint8_t* out, std::size_t out_stride) {
  const AxisFilter filter = make_filter(in_width, width);
  const std::vector<Place> row = places(filter, width, planar);
  const std::size_t in_bytes = std::size_t{3} * static_cast<std::size_t>(in_width);
  const auto columns = std::make_unique_for_overwrite<std::uint8_t[]>(kLanes * round_up(in_bytes));
  for (std::size_t y = 0; y < rows; y += kLanes) {
    const std::size_t block = std::min(kLanes, rows - y);
    at_simd_level([&](auto register_bytes) {
      rows_to_columns(in + stride * y, stride, block, in_bytes, columns.get());
      for (std::size_t at = 0; at < row.size(); at += kLanes) {
        Tile tile{};
        auto* sums = reinterpret_cast<std::uint8_t*>(tile.data());
        for (std::size_t i = 0; i < std::min(kLanes, row.size() - at); ++i) {
          const Place& place = row[at + i];
          weighted_sum(register_bytes, &columns[kLanes * place.column], 3 * kLanes, filter.weights_of(place.k),
                       filter.taps, sums + kLanes * i);
        }
        transpose(tile);
        for (std::size_t r = 0; r < kLanes; ++r) std::memcpy(out + out_stride * (y + r) + at, &tile[r], kLanes);
      }
    });
  }
}

/// Rows `stride` bytes apart, a multiple of 16, to rows of `row_bytes` bytes without gaps. The first row of `in` is row
/// `first_row` of the filter's input.
void vertical_pass(const std::uint8_t* in, std::size_t stride, const AxisFilter& filter, int first_row, int height,
                   std::size_t row_bytes, std::uint8_t* out) {
  for (int k = 0; k < height; ++k, out += row_bytes) {
    const std::uint8_t* row = in + stride * static_cast<std::size_t>(filter.first[k] - first_row);
    const std::int32_t* weights = filter.weights_of(k);
    at_simd_level([&](auto register_bytes) {
      std::size_t at = 0;
      for (; at + kLanes <= row_bytes; at += kLanes) {
        weighted_sum(register_bytes, row + at, stride, weights, filter.taps, out + at);
      }
      if (at < row_bytes) {
        std::array<std::uint8_t, kLanes> sums;
        weighted_sum(register_bytes, row + at, stride, weights, filter.taps, sums.data());
        std::memcpy(out + at, sums.data(), row_bytes - at);
      }
    });
  }
}

void resize(const Image& image, const CropBox& box, int width, int height, bool planar,
            std::vector<std::uint8_t>& out) {
  require(width > 0 && height > 0, "cannot resize to ", width, " x ", height, " pixels");
  require(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0 && box.width <= image.width - box.x &&
              box.height <= image.height - box.y,
          "the crop ", box.width, " x ", box.height, " at (", box.x, ", ", box.y, ") is not inside an image of ",
          image.width, " x ", image.height);
  const AxisFilter vertical = make_filter(box.height, height);
  // The horizontal pass does only the rows that the vertical one reads.
  const int first_row = vertical.first.front(), rows = vertical.first.back() + vertical.taps - first_row;
  const std::uint8_t* in = image.row(box.y + first_row) + std::size_t{3} * static_cast<std::size_t>(box.x);
  const std::size_t in_stride = std::size_t{3} * static_cast<std::size_t>(image.width);
  const std::size_t row_bytes = std::size_t{3} * static_cast<std::size_t>(width), stride = round_up(row_bytes);
  const auto between = std::make_unique_for_overwrite<std::uint8_t[]>(stride * round_up(rows));
  horizontal_pass(in, in_stride, rows, box.width, width, planar, between.get(), stride);
  out.resize(row_bytes * height);
  vertical_pass(between.get(), stride, vertical, first_row, height, row_bytes, out.data());
}

}  // namespace

Image resize_crop(const Image& image, const CropBox& box, int width, int height) {
  Image result;
  resize(image, box, width, height, false, result.rgb);
  result.width = width;
  result.height = height;
  return result;
}

Image resize_bilinear(const Image& image, int width, int height) {
  return resize_crop(image, {0, 0, image.width, image.height}, width, height);
}

std::vector<std::uint8_t> resize_crop_planar(const Image& image, const CropBox& box, int width, int height) {
  std::vector<std::uint8_t> result;
  resize(image, box, width, height, true, result);
  return result;
}

}  // namespace dgsam
