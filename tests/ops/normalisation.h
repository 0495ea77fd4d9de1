// What the tests of batch_norm and group_norm use.
#pragma once

#include "tests/ops/ops.h"

namespace dgsam::test {

inline const Shape kImages[] = {{1, 2, 4, 1},  {3, 7, 5, 3},    {2, 4, 4, 16},
                                {4, 3, 5, 48}, {1, 47, 45, 16}, {1, 37, 38, 24}};

/// Statistics and gradients of normalising x over `sets` sets; set_of(i) tells which one element i belongs to.
struct Normalisation {
  template <class SetOf>
  Normalisation(const Array& x, const Array& gamma, const Array& beta, const Array& dy, std::int64_t sets, double eps,
                const SetOf& set_of)
      : mean(Shape{sets}),
        variance(Shape{sets}),
        invstd(Shape{sets}),
        y(x.shape),
        dx(x.shape),
        dgamma(gamma.shape),
        dbeta(gamma.shape),
        count(static_cast<double>(x.shape.elements() / sets)) {
    const std::int64_t elements = x.shape.elements(), channels = gamma.shape[0];
    for (std::int64_t i = 0; i < elements; ++i) mean[set_of(i)] += x[i] / count;
    for (std::int64_t i = 0; i < elements; ++i) {
      const double d = x[i] - mean[set_of(i)];
      variance[set_of(i)] += d * d / count;
    }
    for (std::int64_t g = 0; g < sets; ++g) invstd[g] = 1 / std::sqrt(variance[g] + eps);
    Array a({sets}), b({sets});
    const auto xhat = [&](std::int64_t i) { return (x[i] - mean[set_of(i)]) * invstd[set_of(i)]; };
    for (std::int64_t i = 0; i < elements; ++i) {
      const std::int64_t c = i % channels;
      y[i] = gamma[c] * xhat(i) + beta[c];
      dgamma[c] += dy[i] * xhat(i);
      dbeta[c] += dy[i];
      a[set_of(i)] += gamma[c] * dy[i] / count;
      b[set_of(i)] += gamma[c] * dy[i] * xhat(i) / count;
    }
    for (std::int64_t i = 0; i < elements; ++i) {
      const std::int64_t g = set_of(i);
      dx[i] = invstd[g] * (gamma[i % channels] * dy[i] - a[g] - xhat(i) * b[g]);
    }
  }

  Array mean, variance, invstd, y, dx, dgamma, dbeta;
  double count;
};

/// Random x with a mean well away from 0, as after a ReLU.
inline Array image(const Shape& shape, DType dtype, std::uint64_t seed) {
  Array x = random_array(shape, dtype, seed);
  for (double& value : x.values) value = rounded(value + 3, dtype);
  return x;
}

}  // namespace dgsam::test
