#include "tests/ops/ops.h"

namespace dgsam::test {

TEST_CASE("softmax_cross_entropy and its gradient follow their formulas, for large logits too") {
  on_every_backend([](Backend& backend, DType dtype) {
    const DType master = master_of(dtype);
    for (const auto& [rows, classes] : {std::pair{1, 1}, {3, 7}, {32, 65}, {5, 345}}) {
      for (const double scale : {1.0, 200.0}) {
        Array x = random_array({rows, classes}, dtype, 1), labels({rows}), probabilities(x.shape), dx(x.shape);
        double loss = 0;
        for (double& value : x.values) value = rounded(value * scale, dtype);
        for (int n = 0; n < rows; ++n) {
          labels[n] = (n * 5 + 2) % classes;
          double sum = 0;  // exp(200) is far from overflow in double
          for (int k = 0; k < classes; ++k) sum += std::exp(x[n * classes + k]);
          for (int k = 0; k < classes; ++k) {
            const std::int64_t i = n * classes + k;
            probabilities[i] = std::exp(x[i]) / sum;
            dx[i] = 0.5 * (probabilities[i] - (k == labels[n])) / rows;
          }
          loss += (std::log(sum) - x[n * classes + static_cast<std::int64_t>(labels[n])]) / rows;
        }
        Tensors tensors(backend);
        const Tensor lt = tensors.make(labels, DType::i32), loss_t = tensors.make({master, {}});
        const Tensor pt = tensors.make({master, x.shape}), dxt = tensors.make({dtype, x.shape});
        backend.softmax_cross_entropy(tensors.make(x, dtype), lt, loss_t, pt);
        CHECK(tensors.read(loss_t)[0] == doctest::Approx(loss).epsilon(tolerance(master, classes)));
        CHECK(difference(tensors.read(pt), probabilities) <= tolerance(master, classes));
        backend.softmax_cross_entropy_grad(tensors.make(Array(Shape{}, 0.5), master), pt, lt, dxt);
        CHECK(difference(tensors.read(dxt), dx) <= tolerance(dtype, classes));
      }
    }
  });
}

}  // namespace dgsam::test
