#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

const Shape kImages[] = {{1, 2, 4, 1}, {3, 7, 5, 3}, {2, 4, 4, 16}, {4, 3, 5, 48}, {1, 47, 45, 16}, {1, 37, 38, 24}};

/// Statistics and gradients of normalising x over `sets` sets; set_of(i) tells which one element i belongs to.
struct Normalisation {
  template <class SetOf>
  Normalisation(const Array& x, const Array& gamma, const Array& beta, const Array& dy, std::int64_t sets, double eps,
                const SetOf& set_of)
      : mean(Shape{sets}),
        variance(Shape{sets}),
        invstd(Shape{sets}),
        y(x.shape),
        dx(x.shape),
        dgamma(gamma.shape),
        dbeta(gamma.shape),
        count(static_cast<double>(x.shape.elements() / sets)) {
    const std::int64_t elements = x.shape.elements(), channels = gamma.shape[0];
    for (std::int64_t i = 0; i < elements; ++i) mean[set_of(i)] += x[i] / count;
    for (std::int64_t i = 0; i < elements; ++i) {
      const double d = x[i] - mean[set_of(i)];
      variance[set_of(i)] += d * d / count;
    }
    for (std::int64_t g = 0; g < sets; ++g) invstd[g] = 1 / std::sqrt(variance[g] + eps);
    Array a({sets}), b({sets});
    const auto xhat = [&](std::int64_t i) { return (x[i] - mean[set_of(i)]) * invstd[set_of(i)]; };
    for (std::int64_t i = 0; i < elements; ++i) {
      const std::int64_t c = i % channels;
      y[i] = gamma[c] * xhat(i) + beta[c];
      dgamma[c] += dy[i] * xhat(i);
      dbeta[c] += dy[i];
      a[set_of(i)] += gamma[c] * dy[i] / count;
      b[set_of(i)] += gamma[c] * dy[i] * xhat(i) / count;
    }
    for (std::int64_t i = 0; i < elements; ++i) {
      const std::int64_t g = set_of(i);
      dx[i] = invstd[g] * (gamma[i % channels] * dy[i] - a[g] - xhat(i) * b[g]);
    }
  }

  Array mean, variance, invstd, y, dx, dgamma, dbeta;
  double count;
};

/// Random x with a mean well away from 0, as after a ReLU.
Array image(const Shape& shape, DType dtype, std::uint64_t seed) {
  Array x = random_array(shape, dtype, seed);
  for (double& value : x.values) value = rounded(value + 3, dtype);
  return x;
}

Array shaped(Array array, const Shape& shape) {
  array.shape = shape;
  return array;
}

}  // namespace

TEST_CASE("batch_norm and its gradient follow their formulas, and the running statistics move as PyTorch's do") {
  on_every_backend([](Backend& backend, DType dtype) {
    const DType master = master_of(dtype);
    for (const Shape& shape : kImages) {
      const std::int64_t channels = shape[3], rows = shape.elements() / channels;
      const Array x = image(shape, dtype, 1), dy = random_array(shape, dtype, 2);
      const Array gamma = random_array({channels}, DType::f32, 3), beta = random_array({channels}, DType::f32, 4);
      const Array old_mean = random_array({channels}, DType::f32, 5), old_var = random_array({channels}, DType::f32, 6);
      const BatchNormSpec spec{.eps = 1e-3, .momentum = 0.25};
      const Normalisation expected(x, gamma, beta, dy, channels, spec.eps,
                                   [=](std::int64_t i) { return i % channels; });
      Array new_mean({channels}), new_var({channels});
      for (std::int64_t c = 0; c < channels; ++c) {
        new_mean[c] = 0.75 * old_mean[c] + 0.25 * expected.mean[c];
        new_var[c] = 0.75 * old_var[c] + 0.25 * expected.variance[c] * expected.count / (expected.count - 1);
      }
      for (const Layout layout : layouts(channels)) {
        Tensors tensors(backend);
        const Type vector{master, {channels}};
        const Tensor xt = tensors.make(x, dtype, layout), y = tensors.make(xt.type);
        const Tensor gt = tensors.make(gamma, master), mean = tensors.make(vector), invstd = tensors.make(vector);
        const Tensor running_mean = tensors.make(old_mean, master), running_var = tensors.make(old_var, master);
        const Tensor counters = tensors.make(Array({kStepCounters}), DType::i64);
        backend.batch_norm(xt, gt, tensors.make(beta, master), running_mean, running_var, counters, y, mean, invstd,
                           spec);
        const std::string text = xt.type.text();
        INFO(text);
        CHECK(difference(tensors.read(y), expected.y) <= 10 * tolerance(dtype, rows));
        CHECK(difference(tensors.read(mean), expected.mean) <= tolerance(master, rows));
        CHECK(difference(tensors.read(invstd), expected.invstd) <= 10 * tolerance(master, rows));
        CHECK(difference(tensors.read(running_mean), new_mean) <= tolerance(master, rows));
        CHECK(difference(tensors.read(running_var), new_var) <= 10 * tolerance(master, rows));

        const Tensor dyt = tensors.make(dy, dtype, layout), dx = tensors.make(xt.type);
        const Tensor dgamma = tensors.make(vector), dbeta = tensors.make(vector);
        backend.batch_norm_grad(xt, gt, mean, invstd, dyt, dx, dgamma, dbeta);
        CHECK(difference(tensors.read(dx), expected.dx) <= 20 * tolerance(dtype, rows));
        CHECK(difference(tensors.read(dgamma), expected.dgamma) <= 20 * tolerance(master, rows));
        CHECK(difference(tensors.read(dbeta), expected.dbeta) <= tolerance(master, rows));
        backend.batch_norm_grad(xt, gt, mean, invstd, dyt, dyt, dgamma, dbeta);  // in place
        CHECK(difference(tensors.read(dyt), expected.dx) <= 20 * tolerance(dtype, rows));
      }
    }
  });
}

TEST_CASE("running statistics move in pass 0 only, in every pass, or never") {
  on_every_backend([](Backend& backend, DType dtype) {
    const DType master = master_of(dtype);
    const Array x = image({2, 3, 3, 5}, dtype, 1);
    for (const auto running :
         {RunningStatistics::first_pass, RunningStatistics::every_pass, RunningStatistics::never}) {
      for (const int pass : {0, 1, 2}) {
        Tensors tensors(backend);
        Array counters({kStepCounters});
        counters[kCounterPass] = pass;
        const Tensor ones = tensors.make(Array({5}, 1), master), running_mean = tensors.make(Array({5}, 7), master);
        const Tensor running_var = tensors.make(Array({5}, 8), master), y = tensors.make({dtype, x.shape});
        backend.batch_norm(tensors.make(x, dtype), ones, ones, running_mean, running_var,
                           tensors.make(counters, DType::i64), y, tensors.make({master, {5}}),
                           tensors.make({master, {5}}), {.running = running});
        const bool moves =
            running == RunningStatistics::every_pass || (running == RunningStatistics::first_pass && pass == 0);
        CHECK((tensors.read(running_mean)[0] != 7) == moves);
        CHECK((tensors.read(running_var)[0] != 8) == moves);
      }
    }
  });
}

TEST_CASE("group_norm and its gradient follow their formulas") {
  on_every_backend([](Backend& backend, DType dtype) {
    const DType master = master_of(dtype);
    for (const Shape& shape : kImages) {
      const std::int64_t channels = shape[3], pixels = shape[1] * shape[2];
      for (const std::int64_t groups : {std::int64_t{1}, channels / (channels % 3 == 0 ? 3 : 1), channels}) {
        const std::int64_t group_channels = channels / groups, terms = pixels * group_channels;
        const Array x = image(shape, dtype, 1), dy = random_array(shape, dtype, 2);
        const Array gamma = random_array({channels}, DType::f32, 3), beta = random_array({channels}, DType::f32, 4);
        const Normalisation expected(x, gamma, beta, dy, shape[0] * groups, 1e-3, [=](std::int64_t i) {
          return i / channels / pixels * groups + i % channels / group_channels;
        });
        for (const Layout layout : layouts(channels)) {
          Tensors tensors(backend);
          const Type statistics{master, {shape[0], groups}}, vector{master, {channels}};
          const Tensor xt = tensors.make(x, dtype, layout), y = tensors.make(xt.type), gt = tensors.make(gamma, master);
          const Tensor mean = tensors.make(statistics), invstd = tensors.make(statistics);
          backend.group_norm(xt, gt, tensors.make(beta, master), y, mean, invstd, static_cast<int>(groups), 1e-3);
          const std::string text = xt.type.text();
          INFO(text, ", groups ", groups);
          CHECK(difference(tensors.read(y), expected.y) <= 10 * tolerance(dtype, terms));
          CHECK(difference(tensors.read(mean), shaped(expected.mean, statistics.shape)) <= tolerance(master, terms));
          CHECK(difference(tensors.read(invstd), shaped(expected.invstd, statistics.shape)) <=
                10 * tolerance(master, terms));

          const Tensor dyt = tensors.make(dy, dtype, layout), dx = tensors.make(xt.type);
          const Tensor dgamma = tensors.make(vector), dbeta = tensors.make(vector);
          backend.group_norm_grad(xt, gt, mean, invstd, dyt, dx, dgamma, dbeta, static_cast<int>(groups));
          CHECK(difference(tensors.read(dx), expected.dx) <= 20 * tolerance(dtype, terms));
          CHECK(difference(tensors.read(dgamma), expected.dgamma) <= 20 * tolerance(master, shape[0] * pixels));
          CHECK(difference(tensors.read(dbeta), expected.dbeta) <= tolerance(master, shape[0] * pixels));
          backend.group_norm_grad(xt, gt, mean, invstd, dyt, dyt, dgamma, dbeta, static_cast<int>(groups));
          CHECK(difference(tensors.read(dyt), expected.dx) <= 20 * tolerance(dtype, terms));
        }
      }
    }
  });
}

TEST_CASE("fold_batch_norm makes a convolution of a frozen batch norm, and its gradient is the chain rule") {
  const Shape weights[] = {{1, 1, 1, 1}, {5, 3, 3, 7}, {16, 1, 1, 64}, {3, 7, 7, 3}};
  on_every_backend([&](Backend& backend, DType dtype) {
    const DType master = master_of(dtype);
    for (const Shape& shape : weights) {
      const std::int64_t outputs = shape[0], row = shape.elements() / outputs;
      const double eps = 1e-5;
      const Array w = random_array(shape, DType::f32, 1), dfw = random_array(shape, DType::f32, 2);
      const Array gamma = random_array({outputs}, DType::f32, 3), beta = random_array({outputs}, DType::f32, 4);
      const Array mean = random_array({outputs}, DType::f32, 5), dfb = random_array({outputs}, DType::f32, 6);
      Array var = random_array({outputs}, DType::f32, 7);
      for (double& value : var.values) value = rounded(value + 1.5, DType::f32);
      Array folded_w(shape), folded_b({outputs}), dw(shape), dgamma({outputs});
      for (std::int64_t k = 0; k < outputs; ++k) {
        const double s = 1 / std::sqrt(var[k] + eps);
        folded_b[k] = beta[k] - gamma[k] * s * mean[k];
        dgamma[k] = -s * mean[k] * dfb[k];
        for (std::int64_t i = k * row; i < (k + 1) * row; ++i) {
          folded_w[i] = gamma[k] * s * w[i];
          dw[i] = gamma[k] * s * dfw[i];
          dgamma[k] += s * w[i] * dfw[i];
        }
      }
      Tensors tensors(backend);
      const Tensor wt = tensors.make(w, master), gt = tensors.make(gamma, master), mt = tensors.make(mean, master);
      const Tensor vt = tensors.make(var, master), fw = tensors.make({dtype, shape}), fb = tensors.make(gt.type);
      backend.fold_batch_norm(wt, gt, tensors.make(beta, master), mt, vt, eps, fw, fb);
      CHECK(difference(tensors.read(fw), folded_w) <= tolerance(dtype));
      CHECK(difference(tensors.read(fb), folded_b) <= tolerance(master));
      const Tensor dfwt = tensors.make(dfw, master), dfbt = tensors.make(dfb, master), dwt = tensors.make(wt.type);
      const Tensor dgt = tensors.make(gt.type), dbt = tensors.make(gt.type);
      backend.fold_batch_norm_grad(wt, gt, mt, vt, eps, dfwt, dfbt, dwt, dgt, dbt);
      CHECK(difference(tensors.read(dwt), dw) <= tolerance(master));
      CHECK(difference(tensors.read(dgt), dgamma) <= tolerance(master, row));
      CHECK(difference(tensors.read(dbt), dfb) == 0);
      backend.fold_batch_norm_grad(wt, gt, mt, vt, eps, dfwt, dfbt, dfwt, dgt, dfbt);  // in place
      CHECK(difference(tensors.read(dfwt), dw) <= tolerance(master));
      CHECK(difference(tensors.read(dgt), dgamma) <= tolerance(master, row));
      CHECK(difference(tensors.read(dfbt), dfb) == 0);
    }
  });
}

}  // namespace dgsam::test
