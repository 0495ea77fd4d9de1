// Max pooling sees a blocked image [N,H,W,C] as the dense image [N·C/16,H,W,16] that it is in memory. Channels go in
// strips of 16 whose running maxima stay in registers; the gradient gathers, so that no two threads meet.
#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/image.h"
#include "engine/cpu/parallel.h"
#include "engine/cpu/types.h"
#include "engine/math/activation.h"

namespace dgsam {
namespace {

constexpr std::int64_t kStrip = 16;
using FullStrip = std::integral_constant<std::int64_t, kStrip>;

struct Window {
  std::int64_t begin, end;  ///< taps inside the image
};
Window taps_inside(std::int64_t start, std::int64_t kernel, std::int64_t extent) {
  return {std::max<std::int64_t>(0, -start), std::min(kernel, extent - start)};
}

/// One output pixel, `lanes` (<= kStrip) channels. x points at pixel (0, 0) of the image; the window starts at (h0,
/// w0).
template <class T, class Lanes>
void max_pixel(const T* x, const Image& in, std::int64_t h0, std::int64_t w0, std::int64_t kernel, Lanes lanes, T* y,
               std::uint8_t* winner) {
  const Window rows = taps_inside(h0, kernel, in.height), columns = taps_inside(w0, kernel, in.width);
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

/// One input pixel (h, w): the sum of dy over the windows that it won.
template <class T, class Lanes>
void max_pixel_grad(const T* dy, const std::uint8_t* winner, const Image& out, std::int64_t h, std::int64_t w,
                    const PoolSpec& spec, Lanes lanes, T* dx) {
  Master<T> sum[kStrip] = {};
  for (std::int64_t r = (h + spec.padding) % spec.stride; r < spec.kernel; r += spec.stride) {
    const std::int64_t p = (h + spec.padding - r) / spec.stride;
    if (h + spec.padding < r || p >= out.height) continue;
    for (std::int64_t s = (w + spec.padding) % spec.stride; s < spec.kernel; s += spec.stride) {
      const std::int64_t q = (w + spec.padding - s) / spec.stride;
      if (w + spec.padding < s || q >= out.width) continue;
      const std::int64_t at = (p * out.width + q) * out.channels;
      const auto tap = static_cast<std::uint8_t>(r * spec.kernel + s);
#pragma omp simd
      for (std::int64_t l = 0; l < lanes; ++l) {
        sum[l] += winner[at + l] == tap ? static_cast<Master<T>>(dy[at + l]) : Master<T>{0};
      }
    }
  }
  for (std::int64_t l = 0; l < lanes; ++l) dx[l] = static_cast<T>(sum[l]);
}

/// pixel(image, h, w, first channel, lanes) over all of `plane`; a full strip's `lanes` is a compile-time constant.
template <class Pixel>
void for_each_strip(int threads, const Image& plane, const Pixel& pixel) {
  parallel_for(threads, plane.images * plane.height, [&](std::int64_t row) {
    const std::int64_t image = row / plane.height, h = row % plane.height;
    for (std::int64_t w = 0; w < plane.width; ++w) {
      std::int64_t c = 0;
      for (; c + kStrip <= plane.channels; c += kStrip) pixel(image, h, w, c, FullStrip{});
      if (c < plane.channels) pixel(image, h, w, c, plane.channels - c);
    }
  });
}

void check_pooling(const char* op, const Tensor& x, const Tensor& y, const Tensor& winner, const PoolSpec& spec) {
  const auto pooled = [&](std::int64_t extent) { return (extent + 2 * spec.padding - spec.kernel) / spec.stride + 1; };
  require(x.shape().rank() == 4 && spec.stride > 0 && spec.kernel > 0 && spec.kernel <= 16 && spec.padding >= 0 &&
              2 * spec.padding <= spec.kernel,
          op, ": kernel ", spec.kernel, ", stride ", spec.stride, ", padding ", spec.padding, " on ", x.type.text(),
          "; expected a kernel of at most 16 and a padding of at most half of it");
  const Shape shape{x.shape()[0], pooled(x.shape()[1]), pooled(x.shape()[2]), x.shape()[3]};
  check(op, "the pooled image", y, {x.dtype(), shape, x.type.layout});
  check(op, "winner", winner, {DType::u8, shape, x.type.layout});
}

}  // namespace

void CpuBackend::max_pool(const Tensor& x, const Tensor& y, const Tensor& winner, const PoolSpec& spec) {
  check_pooling("max_pool", x, y, winner, spec);
  const Image in = plane_of(x), out = plane_of(y);
  with_type(x.dtype(), "max_pool", [&]<class T>() {
    const T* from = x.as<T>();
    T* to = y.as<T>();
    auto* won = winner.as<std::uint8_t>();
    for_each_strip(threads_, out, [&](std::int64_t n, std::int64_t p, std::int64_t q, std::int64_t c, auto lanes) {
      const std::int64_t at = out.offset(n, p, q, c);
      max_pixel(from + in.offset(n, 0, 0, c), in, p * spec.stride - spec.padding, q * spec.stride - spec.padding,
                spec.kernel, lanes, to + at, won + at);
    });
  });
}

void CpuBackend::max_pool_grad(const Tensor& dy, const Tensor& winner, const Tensor& dx, const PoolSpec& spec) {
  check_pooling("max_pool_grad", dx, dy, winner, spec);
  const Image in = plane_of(dx), out = plane_of(dy);
  with_type(dx.dtype(), "max_pool_grad", [&]<class T>() {
    const T* from = dy.as<T>();
    const auto* won = winner.as<std::uint8_t>();
    T* to = dx.as<T>();
    for_each_strip(threads_, in, [&](std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, auto lanes) {
      const std::int64_t image = out.offset(n, 0, 0, c);
      max_pixel_grad(from + image, won + image, out, h, w, spec, lanes, to + in.offset(n, h, w, c));
    });
  });
}

}  // namespace dgsam
