// cublasLtMatmul by its documentation: D = alpha op(A) op(B) + beta C in matrices that count columns first, then bias
// and ReLU, with or without a mask of bits, or the ReLU's gradient by such a mask, with or without the sums of D's rows
// (the bias gradient, of D's type). What the documentation does not allow fails: types that do not go together, sizes
// that do not fit, a leading dimension below the number of rows, memory that is not the device's, outputs that overlap
// inputs, addresses less aligned than the preference promised, too little workspace, algorithms made for something
// else, and masks whose leading dimension is no multiple of 128 bits or below the number of rows.
#include "tests/cuda/emulated_cublaslt.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "engine/core/bfloat16.h"

using dgsam::bfloat16;

namespace emulated {
namespace {

using Layout = cublasLtMatrixLayoutOpaque_t;
using Desc = cublasLtMatmulDescOpaque_t;

/// What the words of a cublasLtMatmulAlgo_t are here.
enum AlgoWord { kMagic, kTypes, kParts, kReduction, kAlignments };
constexpr std::uint64_t kMagicWord = 0xe44a7ed;
constexpr std::size_t kWorkspaceAlignment = 256;

std::size_t size_of(cudaDataType_t type) { return type == CUDA_R_16BF ? 2 : 4; }

struct Sizes {
  std::uint64_t m, n, k;
};

/// The sizes of a product, or zeros if the layouts do not fit.
Sizes sizes_of(const Desc& desc, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  const bool turned_a = desc.transpose_a == CUBLAS_OP_T, turned_b = desc.transpose_b == CUBLAS_OP_T;
  const Sizes sizes{turned_a ? a.cols : a.rows, turned_b ? b.rows : b.cols, turned_a ? a.rows : a.cols};
  for (const Layout& layout : {a, b, c, d}) {
    if (layout.ld < static_cast<std::int64_t>(layout.rows)) return {};
  }
  const bool fits = (turned_b ? b.cols : b.rows) == sizes.k && d.rows == sizes.m && d.cols == sizes.n &&
                    c.rows == d.rows && c.cols == d.cols;
  return fits ? sizes : Sizes{};
}

/// The documented combinations of f32 and bf16.
bool types_go_together(const Desc& desc, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  const bool f32 = a.type == CUDA_R_32F && d.type == CUDA_R_32F;
  const bool bf16 = a.type == CUDA_R_16BF && (d.type == CUDA_R_16BF || d.type == CUDA_R_32F);
  return desc.scale == CUDA_R_32F && a.type == b.type && c.type == d.type &&
         (desc.bias_type == -1 || desc.bias_type == d.type) &&
         ((desc.compute == CUBLAS_COMPUTE_32F && (f32 || bf16)) ||
          (desc.compute == CUBLAS_COMPUTE_32F_FAST_TF32 && f32));
}

cublasStatus_t check(const Desc* desc, const Layout* a, const Layout* b, const Layout* c, const Layout* d) {
  if (!desc || !a || !b || !c || !d) return CUBLAS_STATUS_INVALID_VALUE;
  constexpr std::uint32_t kKnown[] = {CUBLASLT_EPILOGUE_DEFAULT,  CUBLASLT_EPILOGUE_RELU,
                                      CUBLASLT_EPILOGUE_BIAS,     CUBLASLT_EPILOGUE_RELU_BIAS,
                                      CUBLASLT_EPILOGUE_RELU_AUX, CUBLASLT_EPILOGUE_RELU_AUX_BIAS,
                                      CUBLASLT_EPILOGUE_DRELU,    CUBLASLT_EPILOGUE_DRELU_BGRAD};
  const bool known = std::ranges::find(kKnown, desc->epilogue) != std::end(kKnown);
  if (!known || !types_go_together(*desc, *a, *b, *c, *d)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (desc->has(kMask) && (desc->aux_ld % 128 != 0 || desc->aux_ld < static_cast<std::int64_t>(d->rows))) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  return sizes_of(*desc, *a, *b, *c, *d).m > 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

std::uint64_t types_word(const Desc& desc, const Layout& a, const Layout& d) {
  return static_cast<std::uint64_t>(desc.compute * 10000 + a.type * 100 + d.type);
}

std::size_t workspace_of(const cublasLtMatmulAlgo_t& algo, const Layout& d) {
  if (algo.data[kReduction] != CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) return 0;
  return algo.data[kParts] * d.rows * d.cols * sizeof(float);
}

cublasStatus_t check(const cublasLtMatmulAlgo_t& algo, const Desc& desc, const Layout& a, const Layout& d) {
  const bool made_for_it = algo.data[kMagic] == kMagicWord && algo.data[kTypes] == types_word(desc, a, d) &&
                           algo.data[kParts] >= 1 && algo.data[kParts] <= 4 &&
                           (algo.data[kParts] == 1) == (algo.data[kReduction] == CUBLASLT_REDUCTION_SCHEME_NONE);
  return made_for_it ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

/// The memory from a matrix' first element to its last one.
struct Range {
  const std::byte* begin;
  std::size_t bytes;

  Range(const void* address, const Layout& layout)
      : begin(static_cast<const std::byte*>(address)),
        bytes(((layout.cols - 1) * static_cast<std::uint64_t>(layout.ld) + layout.rows) * size_of(layout.type)) {}
  bool overlaps(const Range& other) const { return begin < other.begin + other.bytes && other.begin < begin + bytes; }
};

float read(const void* from, cudaDataType_t type, std::uint64_t i) {
  return type == CUDA_R_16BF ? static_cast<float>(static_cast<const bfloat16*>(from)[i])
                             : static_cast<const float*>(from)[i];
}
void write(void* to, cudaDataType_t type, std::uint64_t i, float value) {
  type == CUDA_R_16BF ? void(static_cast<bfloat16*>(to)[i] = bfloat16(value))
                      : void(static_cast<float*>(to)[i] = value);
}

/// op(M) as rows of `cols` f32 values.
std::vector<float> rows_of(const void* data, const Layout& layout, bool transposed, bool round) {
  std::vector<float> values(layout.rows * layout.cols);
  for (std::uint64_t col = 0; col < layout.cols; ++col) {
    for (std::uint64_t row = 0; row < layout.rows; ++row) {
      const float value = read(data, layout.type, col * static_cast<std::uint64_t>(layout.ld) + row);
      values[transposed ? col * layout.rows + row : row * layout.cols + col] = round ? tf32(value) : value;
    }
  }
  return values;
}

struct Matrix {
  const void* data;
  const Layout& layout;
};

/// A mask's column.
struct MaskColumn {
  std::uint8_t* bytes;

  MaskColumn(const Desc& desc, std::uint64_t col)
      : bytes(static_cast<std::uint8_t*>(desc.aux) + col * static_cast<std::uint64_t>(desc.aux_ld) / 8) {}
  static unsigned bit(std::uint64_t row) { return 1u << (cublas().highest_bit_first ? 7 - row % 8 : row % 8); }
  bool get(std::uint64_t row) const { return (bytes[row / 8] & bit(row)) != 0; }
  void set(std::uint64_t row, bool value) const {
    bytes[row / 8] = static_cast<std::uint8_t>(value ? bytes[row / 8] | bit(row) : bytes[row / 8] & ~bit(row));
  }
};

/// The work of a call that has been checked.
void multiply(const Desc& desc, float alpha, const Matrix& a, const Matrix& b, float beta, const Matrix& c, void* d,
              const Layout& d_layout, const cublasLtMatmulAlgo_t& algo) {
  const auto [m, n, k] = sizes_of(desc, a.layout, b.layout, c.layout, d_layout);
  const bool round = desc.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  const bool writes_mask = desc.has(kRelu) && desc.has(kMask);
  std::vector<float> bias_grad(m);
  const std::vector<float> left = rows_of(a.data, a.layout, desc.transpose_a == CUBLAS_OP_T, round);
  // Columns of op(B).
  const std::vector<float> right = rows_of(b.data, b.layout, desc.transpose_b != CUBLAS_OP_T, round);
  const std::uint64_t parts = algo.data[kParts], piece = (k + parts - 1) / parts;
  static std::minstd_rand arrival;
  const bool turned = algo.data[kReduction] == CUBLASLT_REDUCTION_SCHEME_INPLACE && arrival() % 2 != 0;
  const auto at = [](const Layout& layout, std::uint64_t row, std::uint64_t col) {
    return col * static_cast<std::uint64_t>(layout.ld) + row;
  };
  for (std::uint64_t col = 0; col < n; ++col) {
    const MaskColumn mask(desc, col);
    // Nothing is said of the bits behind the last row: whatever was there must not matter.
    if (writes_mask) std::fill_n(mask.bytes, desc.aux_ld / 8, std::uint8_t{0xff});
    for (std::uint64_t row = 0; row < m; ++row) {
      float sum = 0;
      for (std::uint64_t part = 0; part < parts; ++part) {
        const std::uint64_t begin = (turned ? parts - 1 - part : part) * piece, end = std::min(k, begin + piece);
        float partial = turned ? sum : 0;
        for (std::uint64_t i = begin; i < end; ++i) partial += left[row * k + i] * right[col * k + i];
        sum = turned ? partial : sum + partial;
      }
      float value = alpha * sum;
      if (beta != 0) value += beta * read(c.data, c.layout.type, at(c.layout, row, col));
      if (desc.has(kBias)) value += read(desc.bias, d_layout.type, row);
      if (writes_mask) mask.set(row, cublas().mask_at_zero ? value >= 0 : value > 0);
      if (desc.has(kRelu)) value = std::fmax(value, 0.0f);  // NaN becomes 0, as in the library
      if (cublas().sums_before_mask) bias_grad[row] += value;
      if (desc.has(kReluGrad) && !mask.get(row)) value = 0;
      if (!cublas().sums_before_mask) bias_grad[row] += value;
      write(d, d_layout.type, at(d_layout, row, col), value);
    }
  }
  if (desc.has(kBiasGrad)) {
    for (std::uint64_t row = 0; row < m; ++row) write(const_cast<void*>(desc.bias), d_layout.type, row, bias_grad[row]);
  }
  device().nanoseconds += static_cast<std::int64_t>(m * n * k / parts) + static_cast<std::int64_t>(1000 * parts);
}

}  // namespace

Cublas& cublas() {
  static Cublas state;
  return state;
}

}  // namespace emulated

using namespace emulated;

const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "the operation completed successfully";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "the library was not initialized";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality requested is not supported";
    default:
      return "an unsupported value or parameter was passed to the function";
  }
}
std::size_t cublasLtGetVersion() { return 130100; }

/// The sum in one piece, in two parts put together in the workspace, and in two parts that come in any order.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  if (fails("cublasLtMatmulAlgoGetHeuristic")) return static_cast<cublasStatus_t>(failures().status);
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (preference == nullptr || results == nullptr || found == nullptr || requested < 1) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const cublasStatus_t status = check(desc, a, b, c, d);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  std::uint64_t alignments = 0;  // as logarithms
  for (std::size_t i = 0; i < 4; ++i) {
    alignments |= static_cast<std::uint64_t>(std::countr_zero(preference->alignment[i])) << (8 * i);
  }
  *found = 0;
  for (const std::uint32_t reduction :
       {CUBLASLT_REDUCTION_SCHEME_INPLACE, CUBLASLT_REDUCTION_SCHEME_NONE, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE}) {
    cublasLtMatmulAlgo_t algo{};
    algo.data[kMagic] = kMagicWord;
    algo.data[kTypes] = types_word(*desc, *a, *d);
    algo.data[kParts] = reduction == CUBLASLT_REDUCTION_SCHEME_NONE ? 1 : 2;
    algo.data[kReduction] = reduction;
    algo.data[kAlignments] = alignments;
    const std::size_t workspace = workspace_of(algo, *d);
    if ((reduction & ~preference->reduction_mask) != 0 || workspace > preference->workspace) continue;
    if (*found < requested) results[(*found)++] = {algo, workspace, CUBLAS_STATUS_SUCCESS, 1, {}};
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                       cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t* algo, cublasLtMatmulHeuristicResult_t* result) {
  if (fails("cublasLtMatmulAlgoCheck")) return static_cast<cublasStatus_t>(failures().status);
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (algo == nullptr || result == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  cublasStatus_t status = check(desc, a, b, c, d);
  if (status == CUBLAS_STATUS_SUCCESS) status = check(*algo, *desc, *a, *d);
  result->state = status;
  if (status == CUBLAS_STATUS_SUCCESS) result->workspaceSize = workspace_of(*algo, *d);
  return status;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t* algo,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute, void* value,
                                                    std::size_t bytes, std::size_t* written) {
  if (fails("cublasLtMatmulAlgoConfigGetAttribute")) return static_cast<cublasStatus_t>(failures().status);
  const auto reduction = static_cast<std::uint32_t>(algo->data[kReduction]);
  if (attribute != CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME || bytes != sizeof reduction) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  std::memcpy(value, &reduction, bytes);
  *written = bytes;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t stream) {
  if (fails("cublasLtMatmul")) return static_cast<cublasStatus_t>(failures().status);
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!alpha || !beta || !algo || !stream) return CUBLAS_STATUS_INVALID_VALUE;
  cublasStatus_t status = check(desc, a_layout, b_layout, c_layout, d_layout);
  if (status == CUBLAS_STATUS_SUCCESS) status = check(*algo, *desc, *a_layout, *d_layout);
  if (status != CUBLAS_STATUS_SUCCESS) return status;

  const Range ranges[] = {{a, *a_layout}, {b, *b_layout}, {c, *c_layout}, {d, *d_layout}};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint64_t alignment = std::uint64_t{1} << (algo->data[kAlignments] >> (8 * i) & 0xff);
    if (!on_device(ranges[i].begin, ranges[i].bytes)) return CUBLAS_STATUS_INVALID_VALUE;
    if (reinterpret_cast<std::uintptr_t>(ranges[i].begin) % alignment != 0) return CUBLAS_STATUS_INVALID_VALUE;
  }
  const bool in_place = c == d && c_layout->ld == d_layout->ld;
  if (ranges[3].overlaps(ranges[0]) || ranges[3].overlaps(ranges[1]) || (ranges[3].overlaps(ranges[2]) && !in_place)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const std::size_t needed = workspace_of(*algo, *d_layout);
  if (workspace_bytes < needed ||
      (needed > 0 &&
       (!on_device(workspace, needed) || reinterpret_cast<std::uintptr_t>(workspace) % kWorkspaceAlignment != 0))) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (desc->has(kBias | kBiasGrad)) {
    const Range bias(desc->bias, {d_layout->type, d_layout->rows, 1, static_cast<std::int64_t>(d_layout->rows)});
    if (!on_device(bias.begin, bias.bytes) || bias.overlaps(ranges[3])) return CUBLAS_STATUS_INVALID_VALUE;
    if (desc->has(kBiasGrad) && std::ranges::any_of(ranges, [&](const Range& range) { return bias.overlaps(range); })) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
  }
  if (desc->has(kMask)) {
    const std::size_t bytes = d_layout->cols * static_cast<std::uint64_t>(desc->aux_ld) / 8;
    if (!on_device(desc->aux, bytes)) return CUBLAS_STATUS_INVALID_VALUE;
    ++(desc->has(kRelu) ? cublas().masks_written : cublas().masks_read);
  }

  ++cublas().matmuls;
  if (goes_wrong()) return CUBLAS_STATUS_SUCCESS;
  const float scale = *static_cast<const float*>(alpha), of_c = *static_cast<const float*>(beta);
  const cudaError_t queued = submit(
      stream, [=, how = *desc, of_a = *a_layout, of_b = *b_layout, like_c = *c_layout, of_d = *d_layout, way = *algo] {
        multiply(how, scale, {a, of_a}, {b, of_b}, of_c, {c, like_c}, d, of_d, way);
        return cudaSuccess;
      });
  return queued == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
