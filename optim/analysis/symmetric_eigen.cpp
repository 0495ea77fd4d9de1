#include "optim/analysis/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace dgsam {
namespace {

/// (x, y) <- (c x - s y, s x + c y), for n pairs `stride` apart.
void rotate(double* x, double* y, std::size_t n, std::size_t stride, double c, double s) {
  for (std::size_t k = 0; k < n * stride; k += stride) {
    const double before = x[k];
    x[k] = c * before - s * y[k];
    y[k] = s * before + c * y[k];
  }
}

}  // namespace

SymmetricEigen symmetric_eigen(std::vector<double> a, std::size_t n) {
  std::vector<double> rows(n * n);
  for (std::size_t i = 0; i < n; ++i) rows[i * n + i] = 1;
  constexpr int kSweeps = 50;  // it converges quadratically: ten do
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    bool rotated = false;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        const double beside = a[p * n + q], app = a[p * n + p], aqq = a[q * n + q];
        if (std::abs(beside) <= 1e-17 * (std::abs(app) + std::abs(aqq))) continue;
        rotated = true;
        const double tau = (aqq - app) / (2 * beside);
        const double t = std::copysign(1 / (std::abs(tau) + std::hypot(1, tau)), tau);
        const double c = 1 / std::hypot(1, t), s = t * c;
        rotate(&a[p], &a[q], n, n, c, s);
        rotate(&a[p * n], &a[q * n], n, 1, c, s);
        rotate(&rows[p * n], &rows[q * n], n, 1, c, s);
        a[p * n + q] = a[q * n + p] = 0;
      }
    }
    if (!rotated) break;
  }

  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return a[i * n + i] > a[j * n + j]; });
  SymmetricEigen eigen;
  for (const std::size_t i : order) {
    eigen.values.push_back(a[i * n + i]);
    eigen.vectors.insert(eigen.vectors.end(), &rows[i * n], &rows[i * n] + n);
  }
  return eigen;
}

}  // namespace dgsam
