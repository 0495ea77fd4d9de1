#include "engine/core/operands.h"
#include "engine/cpu/channels.h"
#include "engine/cpu/cpu_backend.h"

namespace dgsam {

void CpuBackend::global_avg_pool(ConstTensor x, Tensor y) {
  check_image("global_avg_pool", "x", x);
  const ChannelView view = channel_view(x);
  check("global_avg_pool", "y", y, {x.dtype(), {view.images, view.channels()}});
  with_type(x.dtype(), "global_avg_pool", [&]<class T>() {
    const T* from = x.as<T>();
    T* to = y.as<T>();
    const double* sums = channel_sums<1, Master<T>>(
        threads_, view, SumOver::each_image, scratch(channel_sums_bytes(view, 1)),
        [=](std::int64_t i, std::int64_t, std::int64_t) { return std::array{static_cast<Master<T>>(from[i])}; });
    for (std::int64_t i = 0; i < y.elements(); ++i) {
      to[i] = static_cast<T>(static_cast<Master<T>>(sums[i] / static_cast<double>(view.pixels)));
    }
  });
}

void CpuBackend::global_avg_pool_grad(ConstTensor dy, Tensor dx) {
  check_image("global_avg_pool_grad", "dx", dx);
  const ChannelView view = channel_view(dx);
  check("global_avg_pool_grad", "dy", dy, {dx.dtype(), {view.images, view.channels()}});
  with_type(dx.dtype(), "global_avg_pool_grad", [&]<class T>() {
    const T* from = dy.as<T>();
    T* to = dx.as<T>();
    const Master<T> share = 1 / static_cast<Master<T>>(view.pixels);
    channel_map(threads_, view, [=, channels = view.channels()](std::int64_t i, std::int64_t n, std::int64_t c) {
      to[i] = static_cast<T>(static_cast<Master<T>>(from[n * channels + c]) * share);
    });
  });
}

}  // namespace dgsam
