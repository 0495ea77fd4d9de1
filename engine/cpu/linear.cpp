#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/gemm.h"

namespace dgsam {
namespace {

void check_linear(const char* op, ConstTensor x, ConstTensor w, ConstTensor y) {
  const Shape& in = x.shape();
  check(op, "the input", x, {x.dtype(), {in[0], in[1]}});
  check(op, "the weights", w, {w.dtype(), {w.shape()[0], in[1]}});
  check(op, "the output", y, {x.dtype(), {in[0], w.shape()[0]}});
}

/// Stores rows of C as T.
template <class T>
auto storing(T* to, std::int64_t columns) {
  return [=](std::int64_t row, std::int64_t column, std::int64_t count, const Master<T>* sums, std::int64_t) {
    for (std::int64_t j = 0; j < count; ++j) to[row * columns + column + j] = static_cast<T>(sums[j]);
  };
}

}  // namespace

void CpuBackend::linear(ConstTensor x, ConstTensor w, ConstTensor b, Tensor y) {
  check_linear("linear", x, w, y);
  check("linear", "w", w, {x.dtype(), w.shape()});
  check_optional("linear", "b", b, {master_of(x.dtype()), {w.shape()[0]}});
  with_type(x.dtype(), "linear", [&]<class T>() {
    using S = Master<T>;
    const std::int64_t features = x.shape()[1], outputs = y.shape()[1];
    const GemmExtents extents{x.shape()[0], outputs, features, features};
    const S* bias = b ? b.as<S>() : nullptr;
    const auto store = storing(y.as<T>(), outputs);
    gemm<S>(threads_, extents, Rows{DenseMatrix<T>{x.as<T>(), features}}, Rows{DenseMatrix<T>{w.as<T>(), features}},
            scratch(gemm_bytes<S>(extents)),
            [=](std::int64_t row, std::int64_t k, std::int64_t count, S* sums, std::int64_t piece) {
              if (bias) {
                for (std::int64_t j = 0; j < count; ++j) sums[j] += bias[k + j];
              }
              store(row, k, count, sums, piece);
            });
  });
}

void CpuBackend::linear_data_grad(ConstTensor dy, ConstTensor w, Tensor dx) {
  check_linear("linear_data_grad", dx, w, dy);
  check("linear_data_grad", "w", w, {dx.dtype(), w.shape()});
  with_type(dx.dtype(), "linear_data_grad", [&]<class T>() {
    using S = Master<T>;
    const std::int64_t features = dx.shape()[1], outputs = dy.shape()[1];
    const GemmExtents extents{dx.shape()[0], features, outputs, outputs};
    gemm<S>(threads_, extents, Rows{DenseMatrix<T>{dy.as<T>(), outputs}}, Columns{DenseMatrix<T>{w.as<T>(), features}},
            scratch(gemm_bytes<S>(extents)), storing(dx.as<T>(), features));
  });
}

void CpuBackend::linear_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw) {
  check_linear("linear_weight_grad", x, dw, dy);
  check("linear_weight_grad", "dw", dw, {master_of(x.dtype()), dw.shape()});
  with_type(x.dtype(), "linear_weight_grad", [&]<class T>() {
    using S = Master<T>;
    const std::int64_t images = x.shape()[0], features = x.shape()[1], outputs = dy.shape()[1];
    const GemmExtents extents{outputs, features, images, weight_grad_piece(outputs, features, images)};
    gemm<S>(threads_, extents, Columns{DenseMatrix<T>{dy.as<T>(), outputs}},
            Columns{DenseMatrix<T>{x.as<T>(), features}}, scratch(gemm_bytes<S>(extents)),
            AddPieces<S>{dw.as<S>(), features});
  });
}

}  // namespace dgsam
