#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

struct Case {
  Shape x;
  PoolSpec spec;
};
const Case kCases[] = {{{1, 1, 1, 1}, {1, 1, 0}},   {{2, 7, 7, 3}, {3, 2, 1}},  {{1, 8, 5, 16}, {3, 2, 1}},
                       {{2, 9, 6, 32}, {2, 2, 0}},  {{1, 5, 5, 20}, {3, 1, 1}}, {{1, 10, 7, 16}, {2, 3, 1}},
                       {{2, 6, 11, 35}, {5, 3, 2}}, {{1, 7, 7, 64}, {7, 1, 3}}};

}  // namespace

TEST_CASE("max_pool finds the largest and the first of equals, and its gradient goes to the winner") {
  on_every_backend([](Backend& backend, DType dtype) {
    for (const Case& pool : kCases) {
      const auto [kernel, stride, padding] = pool.spec;
      const Shape in = pool.x;
      const Shape out{in[0], (in[1] + 2 * padding - kernel) / stride + 1, (in[2] + 2 * padding - kernel) / stride + 1,
                      in[3]};
      Array x = random_array(in, dtype, 1);
      for (double& value : x.values)
        value = std::round(value * 4) / 4 - 2;  // many ties; all negative: padding is not 0
      const Array dy = random_array(out, dtype, 2);
      Array y(out), winner(out), dx(in);
      for (std::int64_t n = 0; n < out[0]; ++n)
        for (std::int64_t p = 0; p < out[1]; ++p)
          for (std::int64_t q = 0; q < out[2]; ++q)
            for (std::int64_t c = 0; c < out[3]; ++c) {
              double best = -1e9;
              std::int64_t from = 0;
              for (std::int64_t tap = 0; tap < kernel * kernel; ++tap) {
                const std::int64_t h = p * stride + tap / kernel - padding, w = q * stride + tap % kernel - padding;
                if (h < 0 || h >= in[1] || w < 0 || w >= in[2] || x.at(n, h, w, c) <= best) continue;
                best = x.at(n, h, w, c);
                from = x.index(n, h, w, c);
                winner.at(n, p, q, c) = static_cast<double>(tap);
              }
              y.at(n, p, q, c) = best;
              dx[from] += dy.at(n, p, q, c);
            }
      for (const Layout layout : layouts(in[3])) {
        Tensors tensors(backend);
        const Tensor xt = tensors.make(x, dtype, layout), yt = tensors.make({dtype, out, layout});
        const Tensor wt = tensors.make({DType::u8, out, layout}), dxt = tensors.make(xt.type);
        const std::string text = xt.type.text();
        INFO(text);
        backend.max_pool(xt, yt, wt, pool.spec);
        CHECK(difference(tensors.read(yt), y) == 0);
        CHECK(difference(tensors.read(wt), winner) == 0);
        backend.max_pool_grad(tensors.make(dy, dtype, layout), wt, dxt, pool.spec);
        CHECK(difference(tensors.read(dxt), dx) <= tolerance(dtype, kernel * kernel));
      }
    }
  });
}

TEST_CASE("global_avg_pool is the mean over pixels, and its gradient spreads evenly") {
  const Shape shapes[] = {{1, 1, 1, 1}, {3, 7, 7, 5}, {2, 7, 7, 64}, {1, 3, 5, 100}, {2, 61, 60, 16}};
  on_every_backend([&](Backend& backend, DType dtype) {
    for (const Shape& shape : shapes) {
      const std::int64_t channels = shape[3], pixels = shape[1] * shape[2];
      const Array x = random_array(shape, dtype, 1), dy = random_array({shape[0], channels}, dtype, 2);
      Array y(dy.shape), dx(shape);
      for (std::int64_t i = 0; i < shape.elements(); ++i) {
        const std::int64_t at = i / channels / pixels * channels + i % channels;
        y[at] += x[i] / static_cast<double>(pixels);
        dx[i] = dy[at] / static_cast<double>(pixels);
      }
      for (const Layout layout : layouts(channels)) {
        Tensors tensors(backend);
        const Tensor yt = tensors.make({dtype, dy.shape}), dxt = tensors.make({dtype, shape, layout});
        backend.global_avg_pool(tensors.make(x, dtype, layout), yt);
        CHECK(difference(tensors.read(yt), y) <= tolerance(dtype, pixels));
        backend.global_avg_pool_grad(tensors.make(dy, dtype), dxt);
        CHECK(difference(tensors.read(dxt), dx) <= tolerance(dtype));
      }
    }
  });
}

}  // namespace dgsam::test
