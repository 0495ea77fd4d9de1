// Convolutions that are matrix products (1x1 filters at stride 1, and linear layers) by cuBLASLt.
//
// cuBLASLt counts columns first: a dense image of P pixels and C channels is a matrix X [C x P], weights [K,1,1,C] are
// a matrix W [C x K], both without a copy, with C as leading dimension. So the three products are
//   y: Y [K x P] = W^T X (+ residual, + bias per row, ReLU)     dx: X [C x P] = W Y     dw: W [C x K] = X Y^T
#pragma once

#include <cublasLt.h>

#include <memory>
#include <string>

#include "engine/cuda/library/conv_algorithm.h"

namespace dgsam {

/// cuBLASLt's state on the current device.
class CublasContext {
 public:
  CublasContext();
  ~CublasContext();
  CublasContext(const CublasContext&) = delete;
  CublasContext& operator=(const CublasContext&) = delete;

  cublasLtHandle_t get() const { return handle_; }

 private:
  cublasLtHandle_t handle_ = nullptr;
};

/// "13.1.0"
std::string cublas_version();

/// Ways to compute the problem, the one that cuBLASLt expects to be fastest first; none if it is no matrix product or
/// cuBLASLt has no way. Operands must be 16-byte aligned, and `context` must outlive the algorithms. f32 products are
/// of f32 factors unless problem.tf32. A bf16 result takes its bias rounded to bf16, and gives its bias gradient so:
/// cuBLASLt has no other. data_grad_relu without a mask makes one from the ReLU's output first.
ConvAlgorithms cublas_algorithms(const CublasContext& context, const ConvProblem& problem);

/// The one of that name(); null if this cuBLASLt has none for this problem.
std::unique_ptr<ConvAlgorithm> cublas_algorithm(const CublasContext& context, const ConvProblem& problem,
                                                const std::string& name);

}  // namespace dgsam
