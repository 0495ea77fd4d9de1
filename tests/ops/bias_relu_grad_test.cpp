#include "tests/ops/ops.h"

namespace dgsam::test {

TEST_CASE("bias_relu_grad masks, adds and sums, with every optional operand absent or present") {
  const Shape shapes[] = {{1, 1, 1, 1},  {7, 5},          {2, 7, 7, 3},    {1, 3, 5, 16}, {33, 48},
                          {3, 5, 4, 32}, {1, 47, 45, 16}, {1, 21, 20, 80}, {70, 260},     {1, 5, 7, 1040}};
  on_every_backend([&](Backend& backend, DType dtype) {
    for (const Shape& shape : shapes) {
      const std::int64_t channels = shape.last(), rows = shape.elements() / channels;
      const Array dy = random_array(shape, dtype, 1), dy2 = random_array(shape, dtype, 2);
      Array y = random_array(shape, dtype, 3);
      for (double& value : y.values) value = std::max(value, 0.0);
      for (const Layout layout : shape.rank() == 4 ? layouts(channels) : layouts(1)) {
        Tensors tensors(backend);
        const Tensor dy_t = tensors.make(dy, dtype, layout), dy2_t = tensors.make(dy2, dtype, layout);
        const Tensor y_t = tensors.make(y, dtype, layout), dz_t = tensors.make(dy_t.type);
        const Tensor db_t = tensors.make({master_of(dtype), {channels}});
        const std::string text = dy_t.type.text();
        for (int options = 0; options < 16; ++options) {
          const bool second = options & 1, mask = options & 2, store = options & 4, sum = options & 8;
          Array dz(shape), db({channels});
          for (std::int64_t i = 0; i < shape.elements(); ++i) {
            if (!mask || y[i] > 0) dz[i] = dy[i] + (second ? dy2[i] : 0);
            db[i % channels] += dz[i];
          }
          INFO(text, ", options ", options);
          backend.bias_relu_grad(dy_t, second ? dy2_t : Tensor{}, mask ? y_t : Tensor{}, store ? dz_t : Tensor{},
                                 sum ? db_t : Tensor{});
          if (store) CHECK(difference(tensors.read(dz_t), dz) <= tolerance(dtype));
          if (sum) CHECK(difference(tensors.read(db_t), db) <= tolerance(master_of(dtype), rows));
        }
        Array sum(shape);
        for (std::int64_t i = 0; i < shape.elements(); ++i) sum[i] = y[i] > 0 ? dy[i] + dy2[i] : 0;
        INFO(text, ", in place");
        backend.copy(dy2_t, dz_t);
        backend.bias_relu_grad(dy_t, dz_t, y_t, dz_t, db_t);
        CHECK(difference(tensors.read(dz_t), sum) <= tolerance(dtype));
        backend.bias_relu_grad(dy_t, dy2_t, y_t, dy_t, db_t);
        CHECK(difference(tensors.read(dy_t), sum) <= tolerance(dtype));
      }
    }
  });
}

}  // namespace dgsam::test
