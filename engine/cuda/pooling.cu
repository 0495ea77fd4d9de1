// Max pooling, both ways. Forward: y[n,p,q,c] = the largest x in the window, winner = its position r·kernel + s, the
// first one on ties. Backward, without atomics: every dx[n,h,w,c] gathers from the windows that it lies in, in the
// order of p and q. Bytes per f32 element of y at kernel 3, stride 2: 21 (x once, through the cache) each way.
// Global average: y[n,c] = mean over h,w of x, and dx = dy/(H·W) everywhere. Bytes per f32 element of x: 4 each way.
#include <algorithm>

#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/images.h"
#include "engine/math/pooling.h"

namespace dgsam {
namespace {

constexpr int kMaxKernel = 16;

struct Pooling {
  int height, width, channels;  // of x
  int out_height, out_width;    // of y
  int kernel, stride, padding;
};

/// The image, row, column and channel of element i of an image tensor.
struct Place {
  int n, row, column, channel;

  __device__ Place(std::int64_t i, int height, int width, int channels) {
    auto rest = static_cast<std::uint32_t>(i);
    channel = static_cast<int>(rest % channels);
    rest /= channels;
    column = static_cast<int>(rest % width);
    rest /= width;
    row = static_cast<int>(rest % height);
    n = static_cast<int>(rest / height);
  }
};

template <class T>
struct MaxPool {
  Pooling pool;
  const T* x;
  T* y;
  std::uint8_t* winner;

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const Place out(i, pool.out_height, pool.out_width, pool.channels);
    const int top = out.row * pool.stride - pool.padding, left = out.column * pool.stride - pool.padding;
    Vector<T, kLanes> best{};
    Vector<std::uint8_t, kLanes> position{};
    bool first = true;
    for (int r = 0; r < pool.kernel; ++r) {
      for (int s = 0; s < pool.kernel; ++s) {
        const int h = top + r, w = left + s;
        if (h < 0 || h >= pool.height || w < 0 || w >= pool.width) continue;
        const std::int64_t row = static_cast<std::int64_t>(out.n) * pool.height + h;
        const Vector<T, kLanes> v = load<kLanes>(x + (row * pool.width + w) * pool.channels + out.channel);
        for (int l = 0; l < kLanes; ++l) {
          if (!first && !wins(static_cast<Master<T>>(v.lane[l]), static_cast<Master<T>>(best.lane[l]))) continue;
          best.lane[l] = v.lane[l];
          position.lane[l] = static_cast<std::uint8_t>(r * pool.kernel + s);
        }
        first = false;
      }
    }
    store(y + i, best);
    store(winner + i, position);
  }
};

template <class T>
struct MaxPoolGrad {
  Pooling pool;
  const T* dy;
  const std::uint8_t* winner;
  T* dx;

  /// The first and last window, of `windows`, that element `at` lies in.
  __device__ int first_window(int at) const {
    const int first = at + pool.padding - pool.kernel + pool.stride;
    return first > 0 ? first / pool.stride : 0;
  }
  __device__ int last_window(int at, int windows) const {
    const int last = (at + pool.padding) / pool.stride;
    return last < windows ? last : windows - 1;
  }

  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const Place in(i, pool.height, pool.width, pool.channels);
    Master<T> sums[kLanes] = {};
    for (int p = first_window(in.row); p <= last_window(in.row, pool.out_height); ++p) {
      for (int q = first_window(in.column); q <= last_window(in.column, pool.out_width); ++q) {
        const int r = in.row + pool.padding - p * pool.stride, s = in.column + pool.padding - q * pool.stride;
        const std::int64_t row = static_cast<std::int64_t>(in.n) * pool.out_height + p;
        const std::int64_t from = (row * pool.out_width + q) * pool.channels + in.channel;
        const Vector<T, kLanes> gradient = load<kLanes>(dy + from);
        const Vector<std::uint8_t, kLanes> won = load<kLanes>(winner + from);
        for (int l = 0; l < kLanes; ++l) {
          if (won.lane[l] == r * pool.kernel + s) sums[l] += static_cast<Master<T>>(gradient.lane[l]);
        }
      }
    }
    Vector<T, kLanes> to;
    for (int l = 0; l < kLanes; ++l) to.lane[l] = static_cast<T>(sums[l]);
    store(dx + i, to);
  }
};

Pooling check_pooling(const char* op, ConstTensor x, ConstTensor y, ConstTensor winner, const PoolSpec& spec) {
  check_dense_image(op, "the image", x);
  const auto pooled = [&](std::int64_t extent) { return (extent + 2 * spec.padding - spec.kernel) / spec.stride + 1; };
  require(spec.stride > 0 && spec.kernel > 0 && spec.kernel <= kMaxKernel && spec.padding >= 0 &&
              2 * spec.padding <= spec.kernel,
          op, ": kernel ", spec.kernel, ", stride ", spec.stride, ", padding ", spec.padding, " on ", x.type,
          "; expected a kernel of at most ", kMaxKernel, " and a padding of at most half of it");
  const Shape& in = x.shape();
  const Shape shape{in[0], pooled(in[1]), pooled(in[2]), in[3]};
  check(op, "the pooled image", y, {x.dtype(), shape});
  check(op, "winner", winner, {DType::u8, shape});
  require(x.elements() <= 0xffffffff, op, ": ", x.type, " has more than 2^32 elements");
  const auto extent = [](std::int64_t value) { return static_cast<int>(value); };
  return {extent(in[1]),    extent(in[2]), extent(in[3]), extent(shape[1]),
          extent(shape[2]), spec.kernel,   spec.stride,   spec.padding};
}

template <class T>
struct StoreAverage {
  double pixels;
  std::int64_t channels;
  T* y;

  __device__ void operator()(std::int64_t n, std::int64_t c, const double (&sum)[1]) const {
    y[n * channels + c] = static_cast<T>(static_cast<Master<T>>(sum[0] / pixels));
  }
};

template <class T>
struct Spread {
  const T* dy;
  std::int64_t channels;
  Master<T> share;
  T* dx;

  template <int kLanes>
  __device__ void at(std::int64_t offset, std::int64_t n, std::int64_t c) const {
    Vector<T, kLanes> v = load<kLanes>(dy + n * channels + c);
    for (T& value : v.lane) value = static_cast<T>(static_cast<Master<T>>(value) * share);
    store(dx + offset, v);
  }
};

}  // namespace

void CudaKernelBackend::max_pool(ConstTensor x, Tensor y, Tensor winner, const PoolSpec& spec) {
  const Pooling pool = check_pooling("max_pool", x, y, winner, spec);
  with_type(x.dtype(), "max_pool", [&]<class T>() {
    const MaxPool<T> body{pool, x.as<T>(), y.as<T>(), winner.as<std::uint8_t>()};
    const bool vectors = pool.channels % kWordLanes<T> == 0 && words_at(body.x, body.y, body.winner);
    map<kWordLanes<T>>(queue(), "max_pool", y.elements(), vectors, body);
  });
}

void CudaKernelBackend::max_pool_grad(ConstTensor dy, ConstTensor winner, Tensor dx, const PoolSpec& spec) {
  const Pooling pool = check_pooling("max_pool_grad", dx, dy, winner, spec);
  with_type(dx.dtype(), "max_pool_grad", [&]<class T>() {
    const MaxPoolGrad<T> body{pool, dy.as<T>(), winner.as<std::uint8_t>(), dx.as<T>()};
    const bool vectors = pool.channels % kWordLanes<T> == 0 && words_at(body.dy, body.winner, body.dx);
    map<kWordLanes<T>>(queue(), "max_pool_grad", dx.elements(), vectors, body);
  });
}

void CudaKernelBackend::global_avg_pool(ConstTensor x, Tensor y) {
  check_dense_image("global_avg_pool", "x", x);
  check("global_avg_pool", "y", y, {x.dtype(), {x.shape()[0], x.shape()[3]}});
  with_type(x.dtype(), "global_avg_pool", [&]<class T>() {
    using S = Master<T>;
    const T* from = x.as<T>();
    const Columns columns = rows_of_images(x, words_at(from));
    column_sums<kWordLanes<T>, 1, S>(queue(), "global_avg_pool", columns, scratch(column_sums_bytes<S>(columns, 1)),
                                     PlainSum<T>{from},
                                     StoreAverage<T>{static_cast<double>(columns.rows), columns.columns, y.as<T>()});
  });
}

void CudaKernelBackend::global_avg_pool_grad(ConstTensor dy, Tensor dx) {
  check_dense_image("global_avg_pool_grad", "dx", dx);
  check("global_avg_pool_grad", "dy", dy, {dx.dtype(), {dx.shape()[0], dx.shape()[3]}});
  with_type(dx.dtype(), "global_avg_pool_grad", [&]<class T>() {
    const Columns columns = rows_of_images(dx, words_at(dy.as<T>(), dx.as<T>()));
    const Master<T> share = 1 / static_cast<Master<T>>(columns.rows);
    column_map<kWordLanes<T>>(queue(), "global_avg_pool_grad", columns,
                              Spread<T>{dy.as<T>(), columns.columns, share, dx.as<T>()});
  });
}

}  // namespace dgsam
