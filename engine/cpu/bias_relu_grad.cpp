// dz = (dy + dy2) ⊙ [y > 0], db = column sums of dz. Memory bound: 4 to 16 bytes per f32 element.
#include "engine/core/operands.h"
#include "engine/cpu/channels.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/math/elementwise.h"

namespace dgsam {

void CpuBackend::bias_relu_grad(ConstTensor dy, ConstTensor dy2, ConstTensor y, Tensor dz, Tensor db) {
  constexpr const char* kOp = "bias_relu_grad";
  check_image(kOp, "dy", dy, true);
  check_optional(kOp, "dy2", dy2, dy.type);
  check_optional(kOp, "y", y, dy.type);
  check_optional(kOp, "dz", dz, dy.type);
  check_optional(kOp, "db", db, {master_of(dy.dtype()), {dy.shape().last()}});
  const ChannelView view = channel_view(dy);
  with_type(dy.dtype(), kOp, [&]<class T>() {
    with_flags(
        [&]<bool has_dy2, bool has_y, bool has_dz>() {
          const T* gradient = dy.as<T>();
          [[maybe_unused]] const T* gradient2 = has_dy2 ? dy2.as<T>() : nullptr;
          [[maybe_unused]] const T* output = has_y ? y.as<T>() : nullptr;
          [[maybe_unused]] T* to = has_dz ? dz.as<T>() : nullptr;
          const auto element = [=](std::int64_t i) {
            auto d = static_cast<Master<T>>(gradient[i]);
            if constexpr (has_dy2) d += static_cast<Master<T>>(gradient2[i]);
            if constexpr (has_y) d = relu_grad_of(d, static_cast<Master<T>>(output[i]));
            if constexpr (has_dz) to[i] = static_cast<T>(d);
            return d;
          };
          if (!db) return parallel_elements(threads_, dy.elements(), element);
          const double* sums = channel_sums<1, Master<T>>(
              threads_, view, SumOver::everything, scratch(channel_sums_bytes(view, 1)),
              [=](std::int64_t i, std::int64_t, std::int64_t) { return std::array{element(i)}; });
          std::copy_n(sums, view.channels(), db.as<Master<T>>());
        },
        static_cast<bool>(dy2), static_cast<bool>(y), static_cast<bool>(dz));
  });
}

}  // namespace dgsam
