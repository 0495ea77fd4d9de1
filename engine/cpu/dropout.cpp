#include "engine/math/dropout.h"

#include "engine/core/operands.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/cpu/parallel.h"

namespace dgsam {

void CpuBackend::dropout(ConstTensor x, ConstTensor counters, Tensor y, const DropoutSpec& spec) {
  check("dropout", "x", x, {x.dtype(), x.shape(), Layout::dense});
  check("dropout", "y", y, x.type);
  check("dropout", "counters", counters, {DType::i64, {kStepCounters}});
  require(spec.p >= 0 && spec.p < 1, "dropout: the probability is ", spec.p, "; it must be in [0, 1)");
  const std::int64_t* counter = counters.as<std::int64_t>();
  const std::int64_t seed = counter[kCounterSeed], step = counter[kCounterStep], pass = counter[kCounterPass];
  with_type(x.dtype(), "dropout", [&]<class T>() {
    const auto p = static_cast<Master<T>>(spec.p), scale = static_cast<Master<T>>(1 / (1 - spec.p));
    const T* from = x.as<T>();
    T* to = y.as<T>();
    static_assert(kChunk % 4 == 0, "a chunk starts with a block of random words");
    parallel_chunks(threads_, x.elements(), kChunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t first = begin; first < end; first += 4) {
        const PhiloxBlock words = dropout_words(seed, step, pass, spec.layer, first / 4);
        for (std::int64_t i = first; i < std::min(end, first + 4); ++i) {
          to[i] = static_cast<T>(dropped_out(static_cast<Master<T>>(from[i]), words.word[i - first], p, scale));
        }
      }
    });
  });
}

}  // namespace dgsam
