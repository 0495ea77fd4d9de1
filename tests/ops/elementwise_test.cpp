#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

// One element, a vector's remainder, several chunks and a remainder.
const Shape kShapes[] = {{1}, {37}, {3, 5, 7, 2}, {2, 5, 3, 32}, {40001}};

}  // namespace

TEST_CASE("relu, add and fill do what they say, in place too") {
  on_every_backend([](Backend& backend, DType dtype) {
    for (const Shape& shape : kShapes) {
      for (const Layout layout : shape.rank() == 4 ? layouts(shape[3]) : layouts(1)) {
        const std::string text = Type{dtype, shape, layout}.text();
        INFO(text);
        const Array a = random_array(shape, dtype, 1), b = random_array(shape, dtype, 2);
        Array positive(shape), sum(shape);
        for (std::int64_t i = 0; i < shape.elements(); ++i) {
          positive[i] = std::max(a[i], 0.0);
          sum[i] = rounded(a[i] + b[i], dtype);
        }
        Tensors tensors(backend);
        const Tensor at = tensors.make(a, dtype, layout), bt = tensors.make(b, dtype, layout);
        const Tensor y = tensors.make(at.type);
        backend.relu(at, y);
        CHECK(difference(tensors.read(y), positive) == 0);
        backend.add(at, bt, y);
        CHECK(difference(tensors.read(y), sum) == 0);
        backend.add(at, bt, bt);
        CHECK(difference(tensors.read(bt), sum) == 0);
        backend.relu(at, at);
        CHECK(difference(tensors.read(at), positive) == 0);
        backend.fill(y, 0.3);
        CHECK(difference(tensors.read(y), Array(shape, rounded(0.3, dtype))) == 0);
        backend.zero(y);
        CHECK(difference(tensors.read(y), Array(shape)) == 0);
        backend.copy(bt, y);
        CHECK(difference(tensors.read(y), sum) == 0);
      }
    }
  });
}

TEST_CASE("relu lets a NaN through, so that a diverged network is noticed") {
  on_every_backend([](Backend& backend, DType dtype) {
    Tensors tensors(backend);
    Array x({20}, -1);
    x[3] = std::nan("");
    const Tensor y = tensors.make({dtype, {20}});
    backend.relu(tensors.make(x, dtype), y);
    const Array result = tensors.read(y);
    CHECK(std::isnan(result[3]));
    CHECK(result[4] == 0);
  });
}

TEST_CASE("cast rounds to nearest between all pairs of types and keeps the layout") {
  on_every_backend([](Backend& backend, DType from) {
    for (const DType to : {DType::f32, DType::f64, DType::bf16}) {
      const Array x = random_array({2, 5, 3, 32}, from, 3);
      Array expected = x;
      for (double& value : expected.values) value = rounded(value, to);
      for (const Layout layout : layouts(32)) {
        Tensors tensors(backend);
        const Tensor y = tensors.make({to, x.shape, layout});
        backend.cast(tensors.make(x, from, layout), y);
        CHECK(difference(tensors.read(y), expected) == 0);
      }
    }
  });
}

TEST_CASE("operands of different types are refused by name") {
  Backend& backend = *backends().front().backend;
  Tensors tensors(backend);
  const Tensor a = tensors.make({DType::f32, {4}}), b = tensors.make({DType::f32, {5}});
  CHECK_THROWS_WITH_AS(backend.add(a, b, a), "add: b is f32[5], expected f32[4]", Error);
  CHECK_THROWS_WITH_AS(backend.relu(a, Tensor{}), "relu: y is absent; expected f32[4]", Error);
}

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
