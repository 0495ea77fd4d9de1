#include "engine/math/batch_norm.h"

#include <cmath>

#include "engine/cpu/channels.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/operand_checks.h"

namespace dgsam {
namespace {

bool moves_running_statistics(RunningStatistics running, ConstTensor counters) {
  if (running == RunningStatistics::never) return false;
  return running == RunningStatistics::every_pass || counters.as<std::int64_t>()[kCounterPass] == 0;
}

}  // namespace

void CpuBackend::batch_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor running_mean, Tensor running_var,
                            ConstTensor counters, Tensor y, Tensor mean, Tensor invstd, const BatchNormSpec& spec) {
  constexpr const char* kOp = "batch_norm";
  check_image(kOp, "x", x);
  const ChannelView view = channel_view(x);
  check_batch_norm(kOp, x, gamma, beta, running_mean, running_var, counters, y, mean, invstd, spec.running);
  const std::int64_t channels = view.channels();
  const auto count = static_cast<double>(view.images * view.pixels);
  const bool moves = moves_running_statistics(spec.running, counters);
  with_type(x.dtype(), kOp, [&]<class T>() {
    using S = Master<T>;
    const T* from = x.as<T>();
    S *centre = mean.as<S>(), *inverse = invstd.as<S>();
    void* memory = scratch(channel_sums_bytes(view, 1));

    const double* sums = channel_sums<1, S>(
        threads_, view, SumOver::everything, memory,
        [=](std::int64_t i, std::int64_t, std::int64_t) { return std::array{static_cast<S>(from[i])}; });
    for (std::int64_t c = 0; c < channels; ++c) centre[c] = static_cast<S>(sums[c] / count);

    const double* squares = channel_sums<1, S>(threads_, view, SumOver::everything, memory,
                                               [=](std::int64_t i, std::int64_t, std::int64_t c) {
                                                 const S d = static_cast<S>(from[i]) - centre[c];
                                                 return std::array{d * d};
                                               });
    const auto momentum = static_cast<S>(spec.momentum);
    for (std::int64_t c = 0; c < channels; ++c) {
      inverse[c] = static_cast<S>(1 / std::sqrt(squares[c] / count + spec.eps));
      if (moves) {
        S &old_mean = running_mean.as<S>()[c], &old_var = running_var.as<S>()[c];
        old_mean = running_average(old_mean, centre[c], momentum);
        old_var = running_average(old_var, static_cast<S>(squares[c] / std::max(count - 1, 1.0)), momentum);
      }
    }

    const S *scale = gamma.as<S>(), *shift = beta.as<S>();
    T* to = y.as<T>();
    channel_map(threads_, view, [=](std::int64_t i, std::int64_t, std::int64_t c) {
      to[i] = static_cast<T>(scale[c] * normalised(static_cast<S>(from[i]), centre[c], inverse[c]) + shift[c]);
    });
  });
}

void CpuBackend::batch_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd, ConstTensor dy,
                                 Tensor dx, Tensor dgamma, Tensor dbeta) {
  constexpr const char* kOp = "batch_norm_grad";
  check_image(kOp, "x", x);
  const ChannelView view = channel_view(x);
  check_batch_norm_grad(kOp, x, gamma, mean, invstd, dy, dx, dgamma, dbeta);
  const std::int64_t channels = view.channels();
  with_type(x.dtype(), kOp, [&]<class T>() {
    using S = Master<T>;
    const T *from = x.as<T>(), *gradient = dy.as<T>();
    const S *centre = mean.as<S>(), *inverse = invstd.as<S>(), *scale = gamma.as<S>();
    const double* sums =
        channel_sums<2, S>(threads_, view, SumOver::everything, scratch(channel_sums_bytes(view, 2)),
                           [=](std::int64_t i, std::int64_t, std::int64_t c) {
                             const S d = static_cast<S>(gradient[i]);
                             return std::array{d * normalised(static_cast<S>(from[i]), centre[c], inverse[c]), d};
                           });
    S *sum_scale = dgamma.as<S>(), *sum_shift = dbeta.as<S>();
    std::copy_n(sums, channels, sum_scale);
    std::copy_n(sums + channels, channels, sum_shift);

    const S share = 1 / static_cast<S>(view.images * view.pixels);
    T* to = dx.as<T>();
    channel_map(threads_, view, [=](std::int64_t i, std::int64_t, std::int64_t c) {
      const S xhat = normalised(static_cast<S>(from[i]), centre[c], inverse[c]);
      to[i] = static_cast<T>(normalised_grad(scale[c] * static_cast<S>(gradient[i]), xhat, inverse[c],
                                             scale[c] * sum_shift[c] * share, scale[c] * sum_scale[c] * share));
    });
  });
}

}  // namespace dgsam
