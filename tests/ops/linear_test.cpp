#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

struct Case {
  std::int64_t n, c, k;
};
constexpr Case kCases[] = {{1, 1, 1}, {3, 5, 7}, {32, 64, 7}, {17, 130, 33}, {2, 2048, 5}, {101, 3, 200}};

}  // namespace

TEST_CASE("linear and its two gradients are the matrix products of their definitions") {
  on_every_backend([](Backend& backend, DType dtype) {
    for (const Case& shape : kCases) {
      const std::int64_t n = shape.n, c = shape.c, k = shape.k;
      INFO("shape ", n, " ", c, " ", k);
      const Array x = random_array({n, c}, dtype, 1), w = random_array({k, c}, dtype, 2);
      const Array b = random_array({k}, dtype, 3), dy = random_array({n, k}, dtype, 4);
      Array y({n, k}), dx({n, c}), dw({k, c});
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = 0; j < k; ++j) {
          for (std::int64_t l = 0; l < c; ++l) {
            y[i * k + j] += x[i * c + l] * w[j * c + l];
            dx[i * c + l] += dy[i * k + j] * w[j * c + l];
            dw[j * c + l] += dy[i * k + j] * x[i * c + l];
          }
        }
      }
      Tensors tensors(backend);
      const Tensor xt = tensors.make(x, dtype), wt = tensors.make(w, dtype), dyt = tensors.make(dy, dtype);
      const Tensor yt = tensors.make({dtype, {n, k}}), dxt = tensors.make({dtype, {n, c}});
      const Tensor dwt = tensors.make({master_of(dtype), {k, c}});
      backend.linear(xt, wt, {}, yt);
      CHECK(difference(tensors.read(yt), y) <= tolerance(dtype, c));
      for (std::int64_t i = 0; i < n * k; ++i) y[i] += b[i % k];
      backend.linear(xt, wt, tensors.make(b, master_of(dtype)), yt);
      CHECK(difference(tensors.read(yt), y) <= tolerance(dtype, c));
      backend.linear_data_grad(dyt, wt, dxt);
      CHECK(difference(tensors.read(dxt), dx) <= tolerance(dtype, k));
      backend.linear_weight_grad(xt, dyt, dwt);
      CHECK(difference(tensors.read(dwt), dw) <= tolerance(master_of(dtype), n));
    }
  });
}

}  // namespace dgsam::test
