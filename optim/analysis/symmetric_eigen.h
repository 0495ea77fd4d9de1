// Eigenvalues and eigenvectors of a small symmetric matrix on the host. Own code because it is shorter than the
// declaration of a dependency for it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace dgsam {

struct SymmetricEigen {
  std::vector<double> values;   ///< largest first
  std::vector<double> vectors;  ///< n x n, row-major: row i belongs to values[i], length 1

  std::span<const double> vector(std::size_t i) const {
    return std::span(vectors).subspan(i * values.size(), values.size());
  }
};

/// Cyclic Jacobi rotations (Golub & Van Loan, Matrix Computations, 8.5). `matrix` is n x n and symmetric, finite.
SymmetricEigen symmetric_eigen(std::vector<double> matrix, std::size_t n);

}  // namespace dgsam
