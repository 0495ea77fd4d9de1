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

}  // namespace dgsam::test
