// What only the oneDNN backend promises: Winograd's accuracy, repeatability, replays that allocate nothing.
#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/make_cpu_backend.h"
#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

struct Geometry {
  Shape x, w, y;
  Conv2dSpec spec;
};

/// Convolutions that Winograd is used for; the outputs of the first fill no whole tiles of 4x4.
const Geometry kTiles{{8, 11, 14, 32}, {48, 3, 3, 32}, {8, 11, 14, 48}, {1, 1, true}};
const Geometry kUnpadded{{8, 10, 14, 32}, {48, 3, 3, 32}, {8, 8, 12, 48}, {1, 0, true}};
const Geometry kStem{{4, 23, 23, 3}, {32, 7, 7, 3}, {4, 12, 12, 32}, {2, 3, true}};
const Geometry kPointwise{{4, 10, 10, 64}, {32, 1, 1, 64}, {4, 5, 5, 32}, {2, 0, true}};

/// y with bias and residual, dx and dw, in the layouts that the backend prefers.
std::vector<Array> three_passes(Backend& backend, const Geometry& geometry, DType dtype) {
  const auto layout = [&](const Shape& shape) {
    return shape.last() % kBlock == 0 ? backend.preferred_layout(dtype) : Layout::dense;
  };
  const auto& [xs, ws, ys, spec] = geometry;
  Tensors tensors(backend);
  const Tensor x = tensors.make(random_array(xs, dtype, 1), dtype, layout(xs)), dx = tensors.make(x.type);
  const Tensor w = tensors.make(random_array(ws, dtype, 2), dtype), dw = tensors.make({DType::f32, ws});
  const Tensor z = tensors.make(random_array(ys, dtype, 3), dtype, layout(ys)), y = tensors.make(z.type);
  const Tensor b = tensors.make(random_array({ws[0]}, DType::f32, 4), DType::f32);
  backend.conv2d(x, w, b, z, y, spec);
  backend.conv2d_data_grad(z, w, dx, spec);
  backend.conv2d_weight_grad(x, z, dw, spec);
  return {tensors.read(y), tensors.read(dx), tensors.read(dw)};
}

std::unique_ptr<Backend> onednn(bool winograd) { return make_cpu_backend({.threads = 2, .winograd = winograd}, true); }

bool same_bits(const std::vector<Array>& a, const std::vector<Array>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Array& left, const Array& right) { return left.values == right.values; });
}

}  // namespace

TEST_CASE(
    "Winograd is used where oneDNN has it, unless forbidden, and its results are within 3e-6 of the largest one") {
  const auto with = onednn(true), without = onednn(false);
  CpuBackend plain({.threads = 2});
  const bool used = winograd_available() && with->preferred_layout(DType::f32) == Layout::blocked16;
  for (const Geometry& geometry : {kTiles, kUnpadded}) {
    const std::vector<Array> fast = three_passes(*with, geometry, DType::f32);
    const std::vector<Array> direct = three_passes(*without, geometry, DType::f32);
    const std::vector<Array> expected = three_passes(plain, geometry, DType::f32);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(geometry.spec.padding);
      CAPTURE(i);
      CHECK(difference(direct[i], expected[i]) <= 3e-6);
      CHECK(difference(fast[i], expected[i]) <= 3e-6);
      if (used) CHECK(fast[i].values != direct[i].values);
    }
  }
}

TEST_CASE("the same inputs give the same bits, again and on another oneDNN backend") {
  const auto first = onednn(true), second = onednn(true);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const Geometry& geometry : {kTiles, kUnpadded, kStem, kPointwise}) {
      const std::vector<Array> results = three_passes(*first, geometry, dtype);
      CHECK(same_bits(three_passes(*first, geometry, dtype), results));
      CHECK(same_bits(three_passes(*second, geometry, dtype), results));
    }
  }
}

TEST_CASE("once its working memory has grown, oneDNN allocates no tensor memory") {
  const auto backend = onednn(true);
  auto& counter = dynamic_cast<CpuBackend&>(*backend);
  const auto allocations = [&] {
    const std::int64_t before = counter.allocations();
    for (const Geometry& geometry : {kTiles, kStem, kPointwise}) three_passes(*backend, geometry, DType::f32);
    return counter.allocations() - before;
  };
  const std::int64_t first = allocations(), again = allocations();
  CHECK(again == 3 * 7);  // the operands that three_passes() itself makes
  CHECK((!onednn_available() || first > again));
}

TEST_CASE("a NaN that a fused ReLU hides still reaches a gradient") {
  for (const bool winograd : {false, true}) {
    const auto backend = onednn(winograd);
    const Layout layout = backend->preferred_layout(DType::f32);
    Tensors tensors(*backend);
    const auto& [xs, ws, ys, spec] = kTiles;
    Array bad_x = random_array(xs, DType::f32, 1), bad_w = random_array(ws, DType::f32, 2);
    bad_x[100] = bad_w[100] = std::numeric_limits<double>::quiet_NaN();
    const Tensor dx = tensors.make({DType::f32, xs, layout}), dw = tensors.make({DType::f32, ws});
    const Tensor dy = tensors.make(Array(ys), DType::f32, layout);  // all zero: everything was hidden
    backend->conv2d_data_grad(dy, tensors.make(bad_w, DType::f32), dx, spec);
    backend->conv2d_weight_grad(tensors.make(bad_x, DType::f32, layout), dy, dw, spec);
    CHECK(!std::isfinite(difference(tensors.read(dx), Array(xs))));
    CHECK(!std::isfinite(difference(tensors.read(dw), Array(ws))));
  }
}

TEST_CASE("shapes that disagree are errors that name the operation and the shapes") {
  const auto backend = onednn(true);
  Tensors tensors(*backend);
  const Tensor x = tensors.make({DType::f32, {1, 5, 5, 3}}), w = tensors.make({DType::f32, {4, 3, 3, 2}});
  const Tensor y = tensors.make({DType::f32, {1, 5, 5, 4}});
  CHECK_THROWS_WITH_AS(backend->conv2d(x, w, {}, {}, y, {1, 1, false}),
                       doctest::Contains("conv2d: weights f32[4, 3, 3, 2] do not fit f32[1, 5, 5, 3] with stride 1 and "
                                         "padding 1"),
                       Error);
}

}  // namespace dgsam::test
