// What the opaque objects of cuBLASLt's emulation hold.
#pragma once

#include <array>

#include "tests/cuda/emulated/cublasLt.h"

struct cublasLtContext {};
struct cublasLtMatrixLayoutOpaque_t {
  cudaDataType_t type;
  std::uint64_t rows, cols;
  std::int64_t ld;
};
struct cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  std::int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  std::int32_t bias_type = -1;
  void* aux = nullptr;
  std::int64_t aux_ld = 0;

  bool has(std::uint32_t part) const { return (epilogue & part) != 0; }
};
struct cublasLtMatmulPreferenceOpaque_t {
  std::uint64_t workspace = 0;
  std::uint32_t reduction_mask = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::array<std::uint32_t, 4> alignment{256, 256, 256, 256};  // of A, B, C, D
};

namespace emulated {

/// What epilogues are made of.
enum Part : std::uint32_t { kRelu = 2, kBias = 4, kReluGrad = 8, kBiasGrad = 16, kMask = 128 };

}  // namespace emulated
