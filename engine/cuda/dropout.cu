// y = x·mask/(1-p), the mask of math/dropout.h. Bytes per f32 element: 8.
#include "engine/core/operands.h"
#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/map.h"
#include "engine/math/dropout.h"

namespace dgsam {
namespace {

template <class T>
struct Dropout {
  using S = Master<T>;
  const T* x;
  const std::int64_t* counters;
  T* y;
  S p, scale;
  std::uint32_t layer;

  /// kLanes is 4, a block of random words, or 1.
  template <int kLanes>
  __device__ void at(std::int64_t i) const {
    const PhiloxBlock words =
        dropout_words(counters[kCounterSeed], counters[kCounterStep], counters[kCounterPass], layer, i / 4);
    Vector<T, kLanes> v = load<kLanes>(x + i);
    for (int l = 0; l < kLanes; ++l) {
      v.lane[l] = static_cast<T>(dropped_out(static_cast<S>(v.lane[l]), words.word[(i + l) % 4], p, scale));
    }
    store(y + i, v);
  }
};

}  // namespace

void CudaKernelBackend::dropout(ConstTensor x, ConstTensor counters, Tensor y, const DropoutSpec& spec) {
  check("dropout", "x", x, {x.dtype(), x.shape(), Layout::dense});
  check("dropout", "y", y, x.type);
  check("dropout", "counters", counters, {DType::i64, {kStepCounters}});
  require(spec.p >= 0 && spec.p < 1, "dropout: the probability is ", spec.p, "; it must be in [0, 1)");
  with_type(x.dtype(), "dropout", [&]<class T>() {
    using S = Master<T>;
    const Dropout<T> body{
        x.as<T>(), counters.as<std::int64_t>(), y.as<T>(), static_cast<S>(spec.p), static_cast<S>(1 / (1 - spec.p)),
        spec.layer};
    map<4>(queue(), "dropout", x.elements(), words_at(body.x, body.y), body);
  });
}

}  // namespace dgsam
