#include <algorithm>

#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

/// What dropout makes of `x` at these counters.
Array drop(Backend& backend, const Array& x, DType dtype, double seed, double step, double pass,
           const DropoutSpec& spec) {
  Tensors tensors(backend);
  Array counters({kStepCounters});
  counters[kCounterSeed] = seed;
  counters[kCounterStep] = step;
  counters[kCounterPass] = pass;
  const Tensor y = tensors.make({dtype, x.shape});
  backend.dropout(tensors.make(x, dtype), tensors.make(counters, DType::i64), y, spec);
  return tensors.read(y);
}

}  // namespace

TEST_CASE("dropout keeps 1-p of the elements and scales them by 1/(1-p)") {
  on_every_backend([](Backend& backend, DType dtype) {
    for (const double p : {0.0, 0.25, 0.5, 0.9}) {
      const Array y = drop(backend, Array({50003}, 1), dtype, 1, 2, 3, {p, 0});
      const auto dropped = std::count(y.values.begin(), y.values.end(), 0.0);
      const auto scaled = std::count(y.values.begin(), y.values.end(), rounded(1 / (1 - p), dtype));
      CHECK(dropped + scaled == 50003);
      CHECK(std::abs(static_cast<double>(dropped) / 50003 - p) < 0.01);
    }
  });
}

TEST_CASE("dropout draws the documented word of philox for every element") {
  on_every_backend([](Backend& backend, DType dtype) {
    const Array y = drop(backend, Array({9, 3}, 1), dtype, 5, 6, 7, {0.5, 8});
    for (std::int64_t i = 0; i < 27; ++i) {
      const PhiloxBlock words =
          philox(5 + 8 * 0x9E3779B97F4A7C15ull, static_cast<std::uint64_t>(i / 4), 6 + (std::uint64_t{7} << 48));
      CHECK(y[i] == (unit_float(words.word[i % 4]) >= 0.5f ? 2 : 0));
    }
  });
}

TEST_CASE("dropout's mask is the same on a gradient and in place, and new for another seed, step, pass or layer") {
  on_every_backend([](Backend& backend, DType dtype) {
    const Array x({1000}, 1), dy({1000}, -3);
    const Array y = drop(backend, x, dtype, 1, 2, 3, {0.5, 4}), dx = drop(backend, dy, dtype, 1, 2, 3, {0.5, 4});
    Array expected = y;
    for (double& value : expected.values) value *= -3;
    CHECK(dx.values == expected.values);
    Tensors tensors(backend);
    const Tensor inplace = tensors.make(x, dtype);
    Array counters({kStepCounters});
    for (int i = 0; i < kStepCounters; ++i) counters[i] = i + 1;
    backend.dropout(inplace, tensors.make(counters, DType::i64), inplace, {0.5, 4});
    CHECK(tensors.read(inplace).values == y.values);
    CHECK(drop(backend, x, dtype, 9, 2, 3, {0.5, 4}).values != y.values);
    CHECK(drop(backend, x, dtype, 1, 9, 3, {0.5, 4}).values != y.values);
    CHECK(drop(backend, x, dtype, 1, 2, 9, {0.5, 4}).values != y.values);
    CHECK(drop(backend, x, dtype, 1, 2, 3, {0.5, 9}).values != y.values);
  });
}

TEST_CASE("dropout refuses a probability of 1") {
  Backend& backend = *backends().front().backend;
  CHECK_THROWS_WITH_AS(drop(backend, Array({4}, 1), DType::f32, 0, 0, 0, {1.0, 0}),
                       "dropout: the probability is 1; it must be in [0, 1)", Error);
}

}  // namespace dgsam::test
