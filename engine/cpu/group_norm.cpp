// Group norm by way of sums per image and channel, which are then added up within each group.
#include <cmath>

#include "engine/cpu/channels.h"
#include "engine/cpu/cpu_backend.h"
#include "engine/math/batch_norm.h"
#include "engine/operand_checks.h"

namespace dgsam {
namespace {

/// The sum of value(c) over the channels of group g.
template <class Value>
double group_sum(std::int64_t g, std::int64_t group_channels, const Value& value) {
  double sum = 0;
  for (std::int64_t c = g * group_channels; c < (g + 1) * group_channels; ++c) sum += value(c);
  return sum;
}

}  // namespace

void CpuBackend::group_norm(ConstTensor x, ConstTensor gamma, ConstTensor beta, Tensor y, Tensor mean, Tensor invstd,
                            int groups, double eps) {
  check_image("group_norm", "x", x);
  check_group_norm("group_norm", x, gamma, mean, invstd, groups);
  check("group_norm", "beta", beta, gamma.type);
  check("group_norm", "y", y, x.type);
  const ChannelView view = channel_view(x);
  const std::int64_t channels = view.channels(), group_channels = channels / groups;
  const auto count = static_cast<double>(view.pixels * group_channels);
  with_type(x.dtype(), "group_norm", [&]<class T>() {
    using S = Master<T>;
    const T* from = x.as<T>();
    S *centre = mean.as<S>(), *inverse = invstd.as<S>();
    void* memory = scratch(channel_sums_bytes(view, 1));
    const auto for_each_group = [&](const double* sums, const auto& write) {
      for (std::int64_t i = 0; i < view.images * groups; ++i) {
        const double* image = sums + i / groups * channels;
        write(i, group_sum(i % groups, group_channels, [=](std::int64_t c) { return image[c]; }));
      }
    };

    const double* sums = channel_sums<1, S>(
        threads_, view, SumOver::each_image, memory,
        [=](std::int64_t i, std::int64_t, std::int64_t) { return std::array{static_cast<S>(from[i])}; });
    for_each_group(sums, [&](std::int64_t i, double sum) { centre[i] = static_cast<S>(sum / count); });

    const double* squares = channel_sums<1, S>(
        threads_, view, SumOver::each_image, memory, [=](std::int64_t i, std::int64_t n, std::int64_t c) {
          const S d = static_cast<S>(from[i]) - centre[n * groups + c / group_channels];
          return std::array{d * d};
        });
    for_each_group(squares,
                   [&](std::int64_t i, double sum) { inverse[i] = static_cast<S>(1 / std::sqrt(sum / count + eps)); });

    const S *scale = gamma.as<S>(), *shift = beta.as<S>();
    T* to = y.as<T>();
    channel_map(threads_, view, [=](std::int64_t i, std::int64_t n, std::int64_t c) {
      const std::int64_t g = n * groups + c / group_channels;
      to[i] = static_cast<T>(scale[c] * normalised(static_cast<S>(from[i]), centre[g], inverse[g]) + shift[c]);
    });
  });
}

void CpuBackend::group_norm_grad(ConstTensor x, ConstTensor gamma, ConstTensor mean, ConstTensor invstd, ConstTensor dy,
                                 Tensor dx, Tensor dgamma, Tensor dbeta, int groups) {
  check_image("group_norm_grad", "x", x);
  check_group_norm("group_norm_grad", x, gamma, mean, invstd, groups);
  check("group_norm_grad", "dy", dy, x.type);
  check("group_norm_grad", "dx", dx, x.type);
  check("group_norm_grad", "dgamma", dgamma, gamma.type);
  check("group_norm_grad", "dbeta", dbeta, gamma.type);
  const ChannelView view = channel_view(x);
  const std::int64_t channels = view.channels(), group_channels = channels / groups;
  const double share = 1 / static_cast<double>(view.pixels * group_channels);
  with_type(x.dtype(), "group_norm_grad", [&]<class T>() {
    using S = Master<T>;
    const T *from = x.as<T>(), *gradient = dy.as<T>();
    const S *centre = mean.as<S>(), *inverse = invstd.as<S>(), *scale = gamma.as<S>();
    const std::size_t sums_bytes = channel_sums_bytes(view, 2);
    auto* memory = static_cast<std::byte*>(
        scratch(sums_bytes + static_cast<std::size_t>(2 * view.images * groups) * sizeof(double)));
    const double* sums = channel_sums<2, S>(
        threads_, view, SumOver::each_image, memory, [=](std::int64_t i, std::int64_t n, std::int64_t c) {
          const std::int64_t g = n * groups + c / group_channels;
          const S d = static_cast<S>(gradient[i]);
          return std::array{d * normalised(static_cast<S>(from[i]), centre[g], inverse[g]), d};
        });
    for (std::int64_t c = 0; c < channels; ++c) {
      double scale_sum = 0, shift_sum = 0;
      for (std::int64_t n = 0; n < view.images; ++n) {
        scale_sum += sums[2 * n * channels + c];
        shift_sum += sums[(2 * n + 1) * channels + c];
      }
      dgamma.as<S>()[c] = static_cast<S>(scale_sum);
      dbeta.as<S>()[c] = static_cast<S>(shift_sum);
    }

    S* a = reinterpret_cast<S*>(memory + sums_bytes);
    S* b = a + view.images * groups;
    for (std::int64_t i = 0; i < view.images * groups; ++i) {
      const double* image = sums + i / groups * 2 * channels;
      const auto weighted = [&](const double* sum) {
        return static_cast<S>(share * group_sum(i % groups, group_channels, [=](std::int64_t c) {
                                return static_cast<double>(scale[c]) * sum[c];
                              }));
      };
      a[i] = weighted(image + channels);
      b[i] = weighted(image);
    }
    T* to = dx.as<T>();
    channel_map(threads_, view, [=](std::int64_t i, std::int64_t n, std::int64_t c) {
      const std::int64_t g = n * groups + c / group_channels;
      const S xhat = normalised(static_cast<S>(from[i]), centre[g], inverse[g]);
      to[i] = static_cast<T>(normalised_grad(scale[c] * static_cast<S>(gradient[i]), xhat, inverse[g], a[g], b[g]));
    });
  });
}

}  // namespace dgsam
