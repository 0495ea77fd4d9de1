#include "tests/ops/normalisation.h"

namespace dgsam::test {

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
        if (running != RunningStatistics::never) continue;
        const Tensor without = tensors.make(y.type);
        backend.batch_norm(tensors.make(x, dtype), ones, ones, {}, {}, tensors.make(counters, DType::i64), without,
                           tensors.make({master, {5}}), tensors.make({master, {5}}), {.running = running});
        CHECK(tensors.read(without).values == tensors.read(y).values);
      }
    }
  });
}

}  // namespace dgsam::test
