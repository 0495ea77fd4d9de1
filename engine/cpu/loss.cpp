#include "engine/math/loss.h"

#include <cmath>

#include "engine/core/operands.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/parallel.h"

namespace dgsam {
namespace {

/// Softmax of one row; returns -log of the label's probability. All in double.
template <class T>
double softmax_row(const T* x, std::int64_t classes, std::int32_t label, Master<T>* probabilities) {
  const auto logit = [=](std::int64_t k) { return static_cast<double>(static_cast<Master<T>>(x[k])); };
  double largest = logit(0), sum = 0;
  for (std::int64_t k = 1; k < classes; ++k) largest = std::max(largest, logit(k));
  for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(logit(k) - largest);
  for (std::int64_t k = 0; k < classes; ++k) {
    probabilities[k] = static_cast<Master<T>>(std::exp(logit(k) - largest) / sum);
  }
  return largest + std::log(sum) - logit(label);
}

}  // namespace

void CpuBackend::softmax_cross_entropy(ConstTensor x, ConstTensor labels, Tensor loss, Tensor probabilities) {
  const std::int64_t rows = x.shape()[0], classes = x.shape().last();
  const DType master = master_of(x.dtype());
  check("softmax_cross_entropy", "x", x, {x.dtype(), {rows, classes}});
  check("softmax_cross_entropy", "labels", labels, {DType::i32, {rows}});
  check("softmax_cross_entropy", "loss", loss, {master, {}});
  check("softmax_cross_entropy", "probabilities", probabilities, {master, {rows, classes}});
  const std::int32_t* label = labels.as<std::int32_t>();
  for (std::int64_t n = 0; n < rows; ++n) {
    require(label[n] >= 0 && label[n] < classes, "softmax_cross_entropy: label ", label[n], " of image ", n,
            " is not one of the ", classes, " classes");
  }
  with_type(x.dtype(), "softmax_cross_entropy", [&]<class T>() {
    const T* logits = x.as<T>();
    auto* p = probabilities.as<Master<T>>();
    double sum = 0;
    for (std::int64_t n = 0; n < rows; ++n) {
      sum += softmax_row(logits + n * classes, classes, label[n], p + n * classes);
    }
    *loss.as<Master<T>>() = static_cast<Master<T>>(sum / static_cast<double>(rows));
  });
}

void CpuBackend::softmax_cross_entropy_grad(ConstTensor dloss, ConstTensor probabilities, ConstTensor labels,
                                            Tensor dx) {
  const std::int64_t rows = dx.shape()[0], classes = dx.shape().last();
  const DType master = master_of(dx.dtype());
  check("softmax_cross_entropy_grad", "dx", dx, {dx.dtype(), {rows, classes}});
  check("softmax_cross_entropy_grad", "dloss", dloss, {master, {}});
  check("softmax_cross_entropy_grad", "probabilities", probabilities, {master, {rows, classes}});
  check("softmax_cross_entropy_grad", "labels", labels, {DType::i32, {rows}});
  with_type(dx.dtype(), "softmax_cross_entropy_grad", [&]<class T>() {
    const std::int32_t* label = labels.as<std::int32_t>();
    const auto* p = probabilities.as<Master<T>>();
    const auto scale = *dloss.as<Master<T>>() / static_cast<Master<T>>(rows);
    T* gradient = dx.as<T>();
    parallel_for(threads_, rows, [=](std::int64_t n) {
      for (std::int64_t i = n * classes; i < (n + 1) * classes; ++i) {
        gradient[i] = static_cast<T>(cross_entropy_grad(p[i], i - n * classes == label[n], scale));
      }
    });
  });
}

}  // namespace dgsam
