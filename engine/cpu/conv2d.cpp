// Convolution as matrix products over gathered operands (patches.h), in either layout:
//   forward      y[npq, k]    = patches(x)[npq, rsc] · w[k, rsc]ᵀ
//   data grad    dx[nhw, c]   = patches(dy)[nhw, rsk] · w[rsk, c], once per phase (h mod stride, w mod stride), so that
//                               no product with an inserted zero is ever computed
//   weight grad  dw[k, rsc]   = dy[npq, k]ᵀ · patches(x)[npq, rsc], in pieces of npq
#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/patches.h"
#include "engine/math/elementwise.h"

namespace dgsam {
namespace {

/// Throws unless the three shapes are those of one convolution.
void check_conv2d(const char* op, ConstTensor x, ConstTensor w, ConstTensor y, const Conv2dSpec& spec) {
  check_image(op, "the input image", x);
  check_image(op, "the output image", y);
  const Shape& in = x.shape();
  const Shape& filter = w.shape();
  require(w && filter.rank() == 4 && w.type.layout == Layout::dense && filter[3] == in[3] && spec.stride > 0 &&
              spec.padding >= 0 && filter[1] <= in[1] + 2 * spec.padding && filter[2] <= in[2] + 2 * spec.padding,
          op, ": weights ", w.type, " do not fit ", x.type, " with stride ", spec.stride, " and padding ",
          spec.padding);
  const auto extent = [&](int axis) { return (in[axis] + 2 * spec.padding - filter[axis]) / spec.stride + 1; };
  check(op, "the output image", y, {x.dtype(), {in[0], extent(1), extent(2), filter[0]}, y.type.layout});
}

/// patches(x) of a forward convolution.
template <class T>
Patches<T> patches_of(ConstTensor x, ConstTensor w, ConstTensor y, const Conv2dSpec& spec) {
  return {x.as<T>(), image_of(x), y.shape()[1], y.shape()[2], w.shape()[2], spec.stride, -spec.padding, -spec.padding,
          1};
}

/// Calls store(offset, first, length) for the runs of channels [c, c + count) of one pixel.
template <class Store>
void for_each_run(const ImageExtent& image, std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c,
                  std::int64_t count, const Store& store) {
  for (std::int64_t first = 0; first < count;) {
    const std::int64_t length = std::min(count - first, image.run(c + first));
    store(image.offset(n, h, w, c + first), first, length);
    first += length;
  }
}

}  // namespace

void CpuBackend::conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, const Conv2dSpec& spec) {
  check_conv2d("conv2d", x, w, y, spec);
  check("conv2d", "w", w, {x.dtype(), w.shape()});
  check_optional("conv2d", "b", b, {master_of(x.dtype()), {w.shape()[0]}});
  check_optional("conv2d", "z", z, y.type);
  with_type(x.dtype(), "conv2d", [&]<class T>() {
    using S = Master<T>;
    const ImageExtent out = image_of(y);
    const std::int64_t depth = w.elements() / std::max<std::int64_t>(1, out.channels);
    const GemmExtents extents{out.images * out.height * out.width, out.channels, depth, depth};
    const S* bias = b ? b.as<S>() : nullptr;
    const T* residual = z ? z.as<T>() : nullptr;
    T* to = y.as<T>();
    gemm<S>(threads_, extents, Rows{patches_of<T>(x, w, y, spec)}, Rows{DenseMatrix<T>{w.as<T>(), depth}},
            scratch(gemm_bytes<S>(extents)),
            [=](std::int64_t row, std::int64_t k, std::int64_t count, S* sums, std::int64_t) {
              const std::int64_t q = row % out.width, p = row / out.width % out.height;
              if (bias) {
                for (std::int64_t j = 0; j < count; ++j) sums[j] += bias[k + j];
              }
              for_each_run(out, row / out.width / out.height, p, q, k, count,
                           [=](std::int64_t at, std::int64_t first, std::int64_t length) {
                             S* sum = sums + first;
                             if (residual) {
                               for (std::int64_t j = 0; j < length; ++j) sum[j] += static_cast<S>(residual[at + j]);
                             }
                             if (spec.relu) {
                               for (std::int64_t j = 0; j < length; ++j) sum[j] = relu_of(sum[j]);
                             }
                             for (std::int64_t j = 0; j < length; ++j) to[at + j] = static_cast<T>(sum[j]);
                           });
            });
  });
}

void CpuBackend::conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) {
  check_conv2d("conv2d_data_grad", dx, w, dy, spec);
  check("conv2d_data_grad", "w", w, {dx.dtype(), w.shape()});
  with_type(dx.dtype(), "conv2d_data_grad", [&]<class T>() {
    using S = Master<T>;
    const ImageExtent in = image_of(dx), out = image_of(dy);
    T* to = dx.as<T>();
    for (int index = 0; index < spec.stride * spec.stride; ++index) {
      const Phase vertical(index / spec.stride, in.height, w.shape()[1], spec);
      const Phase horizontal(index % spec.stride, in.width, w.shape()[2], spec);
      const Patches<T> patches{
          dy.as<T>(),        out, vertical.positions, horizontal.positions, horizontal.taps, 1, vertical.offset,
          horizontal.offset, -1};
      const PhaseWeights<T> weights{w.as<T>(),   out.channels, w.shape()[1], w.shape()[2],
                                    in.channels, vertical,     horizontal,   spec.stride};
      const std::int64_t depth = vertical.taps * horizontal.taps * out.channels;
      const GemmExtents extents{in.images * vertical.positions * horizontal.positions, in.channels, depth, depth};
      gemm<S>(threads_, extents, Rows{patches}, Columns{weights}, scratch(gemm_bytes<S>(extents)),
              [=](std::int64_t row, std::int64_t c, std::int64_t count, const S* sums, std::int64_t) {
                const std::int64_t w_index = row % horizontal.positions;
                const std::int64_t h_index = row / horizontal.positions % vertical.positions;
                for_each_run(in, row / horizontal.positions / vertical.positions,
                             vertical.start + h_index * spec.stride, horizontal.start + w_index * spec.stride, c, count,
                             [=](std::int64_t at, std::int64_t first, std::int64_t length) {
                               for (std::int64_t j = 0; j < length; ++j) to[at + j] = static_cast<T>(sums[first + j]);
                             });
              });
    }
  });
}

void CpuBackend::conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) {
  check_conv2d("conv2d_weight_grad", x, dw, dy, spec);
  check("conv2d_weight_grad", "dw", dw, {master_of(x.dtype()), dw.shape()});
  with_type(x.dtype(), "conv2d_weight_grad", [&]<class T>() {
    using S = Master<T>;
    const std::int64_t outputs = dw.shape()[0], columns = dw.elements() / std::max<std::int64_t>(1, outputs);
    const std::int64_t depth = dy.elements() / std::max<std::int64_t>(1, outputs);
    const GemmExtents extents{outputs, columns, depth, weight_grad_piece(outputs, columns, depth)};
    gemm<S>(threads_, extents, Columns{pixels_of<T>(dy)}, Columns{patches_of<T>(x, dw, dy, spec)},
            scratch(gemm_bytes<S>(extents)), AddPieces<S>{dw.as<S>(), columns});
  });
}

}  // namespace dgsam
