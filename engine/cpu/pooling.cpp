// Max pooling sees a blocked image [N,H,W,C] as the dense image [N·C/16,H,W,16] that it is in memory.
#include "engine/math/pooling.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <limits>

#include "engine/core/operands.h"
#include "engine/cpu/channels.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/parallel.h"

namespace dgsam {
namespace {

constexpr int kMaxKernel = 16;
using Reach = std::array<std::int64_t, kMaxKernel * kMaxKernel>;

constexpr std::int64_t kStrip = 16;  ///< channels whose running maxima stay in registers
using FullStrip = std::integral_constant<std::int64_t, kStrip>;

/// A half-open range of indices.
struct Range {
  std::int64_t begin, end;
};
/// The taps of a window starting at `start` that lie inside the image.
Range taps_inside(std::int64_t start, std::int64_t kernel, std::int64_t extent) {
  return {std::max<std::int64_t>(0, -start), std::min(kernel, extent - start)};
}

/// One output pixel, `lanes` channels. x points at pixel (0, 0) of the image; the window starts at (h0, w0).
template <class T, class Lanes>
void max_pixel(const T* x, const ImageExtent& in, std::int64_t h0, std::int64_t w0, std::int64_t kernel, Lanes lanes,
               T* y, std::uint8_t* winner) {
  const Range rows = taps_inside(h0, kernel, in.height), columns = taps_inside(w0, kernel, in.width);
  Master<T> best[kStrip];
  std::int32_t position[kStrip];
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    for (std::int64_t s = columns.begin; s < columns.end; ++s) {
      const T* pixel = x + ((h0 + r) * in.width + w0 + s) * in.channels;
      const auto tap = static_cast<std::int32_t>(r * kernel + s);
      const bool first = r == rows.begin && s == columns.begin;
#pragma omp simd
      for (std::int64_t l = 0; l < lanes; ++l) {
        const auto value = static_cast<Master<T>>(pixel[l]);
        const bool take = first || wins(value, best[l]);
        best[l] = take ? value : best[l];
        position[l] = take ? tap : position[l];
      }
    }
  }
  for (std::int64_t l = 0; l < lanes; ++l) y[l] = static_cast<T>(best[l]);
  for (std::int64_t l = 0; l < lanes; ++l) winner[l] = static_cast<std::uint8_t>(position[l]);
}

/// sums = the gradient of one image. reach[tap] is the distance of a window's tap from its first one.
template <class T>
void scatter(const T* dy, const std::uint8_t* winner, const ImageExtent& in, const ImageExtent& out,
             const PoolSpec& spec, const Reach& reach, Master<T>* sums) {
  std::fill_n(sums, in.height * in.width * in.channels, Master<T>{0});
  for (std::int64_t p = 0; p < out.height; ++p) {
    for (std::int64_t q = 0; q < out.width; ++q) {
      // May lie before the image; together with its winner it does not.
      const std::int64_t first =
          ((p * spec.stride - spec.padding) * in.width + q * spec.stride - spec.padding) * in.channels;
      const std::int64_t at = (p * out.width + q) * out.channels;
      for (std::int64_t c = 0; c < out.channels; ++c) {
        sums[first + reach[winner[at + c]] + c] += static_cast<Master<T>>(dy[at + c]);
      }
    }
  }
}

void check_pooling(const char* op, ConstTensor x, ConstTensor y, ConstTensor winner, const PoolSpec& spec) {
  const auto pooled = [&](std::int64_t extent) { return (extent + 2 * spec.padding - spec.kernel) / spec.stride + 1; };
  require(x.shape().rank() == 4 && spec.stride > 0 && spec.kernel > 0 && spec.kernel <= kMaxKernel &&
              spec.padding >= 0 && 2 * spec.padding <= spec.kernel,
          op, ": kernel ", spec.kernel, ", stride ", spec.stride, ", padding ", spec.padding, " on ", x.type,
          "; expected a kernel of at most ", kMaxKernel, " and a padding of at most half of it");
  const Shape shape{x.shape()[0], pooled(x.shape()[1]), pooled(x.shape()[2]), x.shape()[3]};
  check(op, "the pooled image", y, {x.dtype(), shape, x.type.layout});
  check(op, "winner", winner, {DType::u8, shape, x.type.layout});
}

}  // namespace

void CpuBackend::max_pool(ConstTensor x, Tensor y, Tensor winner, const PoolSpec& spec) {
  check_pooling("max_pool", x, y, winner, spec);
  const ImageExtent in = plane_of(x), out = plane_of(y);
  with_type(x.dtype(), "max_pool", [&]<class T>() {
    const T* from = x.as<T>();
    T* to = y.as<T>();
    auto* won = winner.as<std::uint8_t>();
    parallel_for(threads_, out.images * out.height, [&](std::int64_t row) {
      const std::int64_t n = row / out.height, p = row % out.height;
      for (std::int64_t q = 0; q < out.width; ++q) {
        const auto strip = [&](std::int64_t c, auto lanes) {
          const std::int64_t at = out.offset(n, p, q, c);
          max_pixel(from + in.offset(n, 0, 0, c), in, p * spec.stride - spec.padding, q * spec.stride - spec.padding,
                    spec.kernel, lanes, to + at, won + at);
        };
        std::int64_t c = 0;
        for (; c + kStrip <= out.channels; c += kStrip) strip(c, FullStrip{});
        if (c < out.channels) strip(c, out.channels - c);
      }
    });
  });
}

void CpuBackend::max_pool_grad(ConstTensor dy, ConstTensor winner, Tensor dx, const PoolSpec& spec) {
  check_pooling("max_pool_grad", dx, dy, winner, spec);
  const ImageExtent in = plane_of(dx), out = plane_of(dy);
  const std::int64_t in_elements = in.height * in.width * in.channels;
  const std::int64_t out_elements = out.height * out.width * out.channels;
  Reach reach;
  for (int tap = 0; tap < spec.kernel * spec.kernel; ++tap) {
    reach[static_cast<std::size_t>(tap)] = (tap / spec.kernel * in.width + tap % spec.kernel) * in.channels;
  }
  with_type(dx.dtype(), "max_pool_grad", [&]<class T>() {
    const T* from = dy.as<T>();
    const auto* won = winner.as<std::uint8_t>();
    T* to = dx.as<T>();
    if constexpr (std::is_same_v<T, Master<T>>) {
      parallel_for(threads_, in.images, [&](std::int64_t n) {
        scatter(from + n * out_elements, won + n * out_elements, in, out, spec, reach, to + n * in_elements);
      });
    } else {  // each thread sums one image at a time in the master type
      auto* sums =
          static_cast<Master<T>*>(scratch(static_cast<std::size_t>(threads_ * in_elements) * sizeof(Master<T>)));
      parallel_for(threads_, in.images, [&](std::int64_t n) {
        Master<T>* sum = sums + omp_get_thread_num() * in_elements;
        scatter(from + n * out_elements, won + n * out_elements, in, out, spec, reach, sum);
        for (std::int64_t i = 0; i < in_elements; ++i) to[n * in_elements + i] = static_cast<T>(sum[i]);
      });
    }
  });
}

void CpuBackend::global_avg_pool(ConstTensor x, Tensor y) {
  check_image("global_avg_pool", "x", x);
  const ChannelView view = channel_view(x);
  check("global_avg_pool", "y", y, {x.dtype(), {view.images, view.channels()}});
  with_type(x.dtype(), "global_avg_pool", [&]<class T>() {
    const T* from = x.as<T>();
    T* to = y.as<T>();
    const double* sums = channel_sums<1, Master<T>>(
        threads_, view, SumOver::each_image, scratch(channel_sums_bytes(view, 1)),
        [=](std::int64_t i, std::int64_t, std::int64_t) { return std::array{static_cast<Master<T>>(from[i])}; });
    for (std::int64_t i = 0; i < y.elements(); ++i) {
      to[i] = static_cast<T>(static_cast<Master<T>>(sums[i] / static_cast<double>(view.pixels)));
    }
  });
}

void CpuBackend::global_avg_pool_grad(ConstTensor dy, Tensor dx) {
  check_image("global_avg_pool_grad", "dx", dx);
  const ChannelView view = channel_view(dx);
  check("global_avg_pool_grad", "dy", dy, {dx.dtype(), {view.images, view.channels()}});
  with_type(dx.dtype(), "global_avg_pool_grad", [&]<class T>() {
    const T* from = dy.as<T>();
    T* to = dx.as<T>();
    const Master<T> share = 1 / static_cast<Master<T>>(view.pixels);
    channel_map(threads_, view, [=, channels = view.channels()](std::int64_t i, std::int64_t n, std::int64_t c) {
      to[i] = static_cast<T>(static_cast<Master<T>>(from[n * channels + c]) * share);
    });
  });
}

}  // namespace dgsam
