#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

constexpr std::int64_t kLengths[] = {1, 31, 4096, 70001};

/// body(backend, dtype, length) for every backend, f32 and f64.
template <class Body>
void on_every_vector(const Body& body) {
  on_every_backend([&](Backend& backend, DType dtype) {
    if (dtype == DType::bf16) return;
    for (const std::int64_t length : kLengths) {
      CAPTURE(length);
      body(backend, dtype, length);
    }
  });
}

Tensor scalars(Tensors& tensors, double lr, double c1, double c2) {
  Array values({kOptimizerScalars});
  values[kLearningRate] = lr;
  values[kBiasCorrection1] = c1;
  values[kBiasCorrection2] = c2;
  return tensors.make(values, DType::f64);
}

}  // namespace

TEST_CASE("norm is the L2 norm, to the last bits of a double") {
  on_every_vector([](Backend& backend, DType dtype, std::int64_t length) {
    const Array x = random_array({length}, dtype, 1);
    double squares = 0;
    for (const double value : x.values) squares += value * value;
    Tensors tensors(backend);
    const Tensor out = tensors.make({DType::f64, {}});
    backend.norm(tensors.make(x, dtype), out);
    CHECK(tensors.read(out)[0] == doctest::Approx(std::sqrt(squares)).epsilon(1e-13));
  });
}

TEST_CASE(
    "dot is the sum of products, to the last bits of a double, and that of a vector with itself is its norm squared") {
  on_every_vector([](Backend& backend, DType dtype, std::int64_t length) {
    const Array x = random_array({length}, dtype, 1), y = random_array({length}, dtype, 2);
    double sum = 0, sizes = 0, squares = 0;
    for (std::int64_t i = 0; i < length; ++i) {
      sum += x[i] * y[i];
      sizes += std::abs(x[i] * y[i]);
      squares += x[i] * x[i];
    }
    Tensors tensors(backend);
    const Tensor xt = tensors.make(x, dtype), out = tensors.make({DType::f64, {}});
    backend.dot_product(xt, tensors.make(y, dtype), out);
    CHECK(std::abs(tensors.read(out)[0] - sum) <= 1e-13 * sizes);
    backend.dot_product(xt, xt, out);
    CHECK(tensors.read(out)[0] == doctest::Approx(squares).epsilon(1e-13));
  });
}

TEST_CASE("axpby is alpha x + beta y, and does not read y when beta is 0") {
  on_every_vector([](Backend& backend, DType dtype, std::int64_t length) {
    const Array x = random_array({length}, dtype, 1), y = random_array({length}, dtype, 2);
    Array sum({length}), scaled({length});
    for (std::int64_t i = 0; i < length; ++i) {
      sum[i] = 0.3 * x[i] - 1.5 * y[i];
      scaled[i] = 0.3 * x[i];
    }
    Tensors tensors(backend);
    const Tensor xt = tensors.make(x, dtype), yt = tensors.make(y, dtype), nan = tensors.make(xt.type);
    backend.axpby(0.3, xt, -1.5, yt);
    CHECK(difference(tensors.read(yt), sum) <= tolerance(dtype));
    backend.axpby(0.3, xt, 0, nan);
    CHECK(difference(tensors.read(nan), scaled) <= tolerance(dtype));
  });
}

TEST_CASE("ascend goes rho along the gradient, and stays where the gradient vanishes") {
  on_every_vector([](Backend& backend, DType dtype, std::int64_t length) {
    const Array theta = random_array({length}, dtype, 1), g = random_array({length}, dtype, 2);
    for (const double norm : {2.5, 0.0}) {
      Array expected = theta;
      for (std::int64_t i = 0; i < length; ++i) expected[i] += norm == 0 ? 0 : 0.05 * g[i] / (norm + 1e-12);
      Tensors tensors(backend);
      const Tensor theta_t = tensors.make(theta, dtype), gt = tensors.make(g, dtype), out = tensors.make(gt.type);
      const Tensor norm_t = tensors.make(Array(Shape{}, norm), DType::f64);
      backend.ascend(theta_t, gt, norm_t, 0.05, 1e-12, out);
      CHECK(difference(tensors.read(out), expected) <= tolerance(dtype));
      backend.ascend(theta_t, gt, norm_t, 0.05, 1e-12, theta_t);
      CHECK(difference(tensors.read(theta_t), expected) <= tolerance(dtype));
    }
  });
}

TEST_CASE("reject leaves the part of x that is orthogonal to y, and all of x where y vanishes") {
  on_every_vector([](Backend& backend, DType dtype, std::int64_t length) {
    const Array x = random_array({length}, dtype, 1), y = random_array({length}, dtype, 2);
    for (const double norm : {2.5, 0.0}) {
      Array expected = x;
      for (std::int64_t i = 0; i < length; ++i) expected[i] -= norm == 0 ? 0 : -0.75 / (norm * norm) * y[i];
      Tensors tensors(backend);
      const Tensor xt = tensors.make(x, dtype), yt = tensors.make(y, dtype), out = tensors.make(xt.type);
      const Tensor dot_t = tensors.make(Array(Shape{}, -0.75), DType::f64);
      const Tensor norm_t = tensors.make(Array(Shape{}, norm), DType::f64);
      backend.reject(xt, yt, dot_t, norm_t, out);
      CHECK(difference(tensors.read(out), expected) <= tolerance(dtype));
      backend.reject(xt, yt, dot_t, norm_t, xt);
      CHECK(difference(tensors.read(xt), expected) <= tolerance(dtype));
    }
  });
}

TEST_CASE("multiply is the product of the elements, of a vector with itself too") {
  on_every_vector([](Backend& backend, DType dtype, std::int64_t length) {
    const Array x = random_array({length}, dtype, 1), y = random_array({length}, dtype, 2);
    Array product({length}), square({length});
    for (std::int64_t i = 0; i < length; ++i) {
      product[i] = x[i] * y[i];
      square[i] = x[i] * x[i];
    }
    Tensors tensors(backend);
    const Tensor xt = tensors.make(x, dtype), yt = tensors.make(y, dtype);
    backend.multiply(xt, yt);
    CHECK(difference(tensors.read(yt), product) <= tolerance(dtype));
    backend.multiply(xt, xt);
    CHECK(difference(tensors.read(xt), square) <= tolerance(dtype));
  });
}

TEST_CASE("add_scaled adds alpha times a number on the device times x") {
  on_every_vector([](Backend& backend, DType dtype, std::int64_t length) {
    const Array x = random_array({length}, dtype, 1), y = random_array({length}, dtype, 2);
    Array expected = y;
    for (std::int64_t i = 0; i < length; ++i) expected[i] += -0.2 * 3.5 * x[i];
    Tensors tensors(backend);
    const Tensor yt = tensors.make(y, dtype);
    backend.add_scaled(-0.2, tensors.make(Array(Shape{}, 3.5), DType::f64), tensors.make(x, dtype), yt);
    CHECK(difference(tensors.read(yt), expected) <= tolerance(dtype));
  });
}

TEST_CASE("fill_normal draws the documented numbers, as one vector or in parts, and others for another counter") {
  on_every_backend([](Backend& backend, DType dtype) {
    if (dtype == DType::bf16) return;
    constexpr std::int64_t kLength = 70001, kPart = 96;
    const auto draw = [&](double seed, double step, double pass, std::int64_t first, const Shape& shape) {
      Tensors tensors(backend);
      Array counters({kStepCounters});
      counters[kCounterSeed] = seed;
      counters[kCounterStep] = step;
      counters[kCounterPass] = pass;
      const Tensor x = tensors.make({dtype, shape});
      backend.fill_normal(tensors.make(counters, DType::i64), first, x);
      return tensors.read(x);
    };
    const Array x = draw(5, 6, 7, 0, {kLength});
    for (const std::int64_t i : {0, 1, 2, 3, 4, 4097, 70000}) {
      const PhiloxBlock words =
          philox(5 ^ 0x6E6F726D616Cull, static_cast<std::uint64_t>(i / 4), 6 + (std::uint64_t{7} << 48));
      const auto pair = static_cast<std::size_t>(i % 4 / 2 * 2);
      const double u = (words.word[pair] + 1.0) / 0x1p32, v = words.word[pair + 1] / 0x1p32;
      const double angle = 2 * std::acos(-1.0) * v;
      const double expected = std::sqrt(-2 * std::log(u)) * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
      CHECK(x[i] == doctest::Approx(expected).epsilon(dtype == DType::f64 ? 1e-12 : 1e-6));
    }
    double mean = 0, square = 0, fourth = 0;
    for (const double value : x.values) {
      mean += value / kLength;
      square += value * value / kLength;
      fourth += std::pow(value, 4) / kLength;
    }
    CHECK(std::abs(mean) < 0.015);  // four standard deviations
    CHECK(std::abs(square - 1) < 0.022);
    CHECK(std::abs(fourth - 3) < 0.15);

    const Array part = draw(5, 6, 7, kPart, {5, 7, 3});
    for (std::int64_t i = 0; i < 105; ++i) CHECK(part[i] == x[kPart + i]);
    CHECK(draw(9, 6, 7, 0, {64}).values != draw(5, 6, 7, 0, {64}).values);
    CHECK(draw(5, 9, 7, 0, {64}).values != draw(5, 6, 7, 0, {64}).values);
    CHECK(draw(5, 6, 9, 0, {64}).values != draw(5, 6, 7, 0, {64}).values);
  });
}

TEST_CASE("ascend lets a norm that is not finite be seen") {
  Backend& backend = *backends().front().backend;
  Tensors tensors(backend);
  const Tensor theta = tensors.make(Array({3}, 1), DType::f32), out = tensors.make(theta.type);
  backend.ascend(theta, theta, tensors.make(Array(Shape{}, std::nan("")), DType::f64), 0.05, 1e-12, out);
  CHECK(std::isnan(tensors.read(out)[0]));
}

TEST_CASE("five steps of Adam and AdamW agree with the formulas in double") {
  on_every_vector([](Backend& backend, DType dtype, std::int64_t length) {
    for (const bool decoupled : {false, true}) {
      const AdamSpec spec{.beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = 0.1, .decoupled = decoupled};
      const double lr = 0.01, scale = 0.75;
      Array theta = random_array({length}, dtype, 1), m({length}), v({length});
      Tensors tensors(backend);
      const Tensor theta_t = tensors.make(theta, dtype), mt = tensors.make(m, dtype), vt = tensors.make(v, dtype);
      for (int t = 1; t <= 5; ++t) {
        const Array gradient = random_array({length}, dtype, static_cast<std::uint64_t>(10 + t));
        const double c1 = 1 - std::pow(spec.beta1, t), c2 = 1 - std::pow(spec.beta2, t);
        backend.adam(theta_t, tensors.make(gradient, dtype), scale, mt, vt, scalars(tensors, lr, c1, c2), spec);
        for (std::int64_t i = 0; i < length; ++i) {
          double g = scale * gradient[i];
          if (decoupled) {
            theta[i] -= lr * spec.weight_decay * theta[i];
          } else {
            g += spec.weight_decay * theta[i];
          }
          m[i] = spec.beta1 * m[i] + (1 - spec.beta1) * g;
          v[i] = spec.beta2 * v[i] + (1 - spec.beta2) * g * g;
          theta[i] -= lr * (m[i] / c1) / (std::sqrt(v[i] / c2) + spec.eps);
        }
      }
      CHECK(difference(tensors.read(theta_t), theta) <= tolerance(dtype, 5));
      CHECK(difference(tensors.read(mt), m) <= tolerance(dtype, 5));
      CHECK(difference(tensors.read(vt), v) <= tolerance(dtype, 5));
    }
  });
}

TEST_CASE("four steps of SGD agree with the formulas in double, with and without momentum and Nesterov") {
  on_every_vector([](Backend& backend, DType dtype, std::int64_t length) {
    for (const SgdSpec& spec : {SgdSpec{}, SgdSpec{0, false, 0.1}, SgdSpec{0.9, false, 0.1}, SgdSpec{0.9, true, 0.1}}) {
      Array theta = random_array({length}, dtype, 1), velocity({length});
      Tensors tensors(backend);
      const Tensor theta_t = tensors.make(theta, dtype);
      const Tensor velocity_t = spec.momentum == 0 ? Tensor{} : tensors.make(velocity, dtype);
      for (std::uint64_t t = 0; t < 4; ++t) {
        const Array gradient = random_array({length}, dtype, 10 + t);
        backend.sgd(theta_t, tensors.make(gradient, dtype), 2, velocity_t, scalars(tensors, 0.1, 1, 1), spec);
        for (std::int64_t i = 0; i < length; ++i) {
          const double g = 2 * gradient[i] + spec.weight_decay * theta[i];
          velocity[i] = spec.momentum * velocity[i] + g;
          theta[i] -= 0.1 * (spec.nesterov ? g + spec.momentum * velocity[i] : velocity[i]);
        }
      }
      CHECK(difference(tensors.read(theta_t), theta) <= tolerance(dtype, 4));
    }
  });
}

TEST_CASE("SGD with momentum and no velocity is refused") {
  Backend& backend = *backends().front().backend;
  Tensors tensors(backend);
  const Tensor theta = tensors.make(Array({3}, 1), DType::f32);
  CHECK_THROWS_WITH_AS(backend.sgd(theta, theta, 1, {}, scalars(tensors, 1, 1, 1), {.momentum = 0.9}),
                       "sgd: momentum 0.9 needs a velocity", Error);
}

}  // namespace dgsam::test
