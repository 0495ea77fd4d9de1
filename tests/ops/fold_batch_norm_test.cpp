#include "tests/ops/ops.h"

namespace dgsam::test {

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
