#include "tests/ops/normalisation.h"

namespace dgsam::test {
namespace {

Array shaped(Array array, const Shape& shape) {
  array.shape = shape;
  return array;
}

}  // namespace

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

}  // namespace dgsam::test
