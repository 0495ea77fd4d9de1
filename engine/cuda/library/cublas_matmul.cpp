#include "engine/cuda/library/cublas_matmul.h"

#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "engine/cuda/cast.h"
#include "engine/cuda/relu.h"

namespace dgsam {
namespace {

constexpr std::string_view kPrefix = "cublaslt:";
constexpr int kCandidates = 8;
constexpr std::uint64_t kMostWorkspace = std::uint64_t{32} << 20;  // what NVIDIA recommends for Hopper
constexpr std::uint32_t kAlignment = 16;                           // of operands, in bytes
constexpr std::size_t kWorkspaceAlignment = 256;

/// Throws Error unless status is success: "cuBLASLt: <call> for <problem>: <what the library says>".
void check_cublas(cublasStatus_t status, const char* call, const ConvProblem& problem) {
  if (status != CUBLAS_STATUS_SUCCESS) [[unlikely]]
    fail("cuBLASLt: ", call, " for ", problem.text(), ": ", cublasLtGetStatusString(status));
}

/// An owner of what cuBLASLt creates.
template <class Opaque, cublasStatus_t (*kDestroy)(Opaque*)>
struct Destroyer {
  void operator()(Opaque* object) const { static_cast<void>(kDestroy(object)); }
};
using MatrixLayout =
    std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroyer<cublasLtMatrixLayoutOpaque_t, cublasLtMatrixLayoutDestroy>>;
using MatmulDesc =
    std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroyer<cublasLtMatmulDescOpaque_t, cublasLtMatmulDescDestroy>>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t,
                                   Destroyer<cublasLtMatmulPreferenceOpaque_t, cublasLtMatmulPreferenceDestroy>>;

bool is_matmul(const ConvProblem& problem) {
  const Shape& filter = problem.w.shape;
  return filter[1] == 1 && filter[2] == 1 && problem.spec.stride == 1 && problem.spec.padding == 0 &&
         (problem.x.dtype == DType::f32 || problem.x.dtype == DType::bf16);
}

cudaDataType_t cuda_type(DType dtype) { return dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F; }

cublasLtEpilogue_t epilogue_of(const ConvProblem& problem) {
  if (problem.op == ConvOp::data_grad_relu)
    return problem.bias ? CUBLASLT_EPILOGUE_DRELU_BGRAD : CUBLASLT_EPILOGUE_DRELU;
  if (problem.mask) return problem.bias ? CUBLASLT_EPILOGUE_RELU_AUX_BIAS : CUBLASLT_EPILOGUE_RELU_AUX;
  if (problem.spec.relu) return problem.bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
  return problem.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

/// D = op(A) op(B) + beta C for one problem.
struct Matmul {
  ConvProblem problem;
  cublasLtHandle_t handle;
  MatmulDesc desc;
  MatrixLayout a, b, d;  // C is like D

  Matmul(const CublasContext& context, const ConvProblem& given);

  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, const Value& value) {
    check_cublas(cublasLtMatmulDescSetAttribute(desc.get(), attribute, &value, sizeof value),
                 "cublasLtMatmulDescSetAttribute", problem);
  }
  MatrixLayout layout(const Type& type, DType dtype) const;
  /// Whether the bias, or its gradient, is of D's type to the library and f32 to us.
  bool casts_bias() const { return problem.bias && problem.y.dtype == DType::bf16 && !problem.narrow; }
  bool is_relu_grad() const { return problem.op == ConvOp::data_grad_relu; }
  /// The image whose channels are D's rows.
  const Type& image() const { return is_relu_grad() ? problem.x : problem.y; }
};

MatrixLayout Matmul::layout(const Type& type, DType dtype) const {
  const std::int64_t rows = type.shape.last();
  cublasLtMatrixLayout_t created = nullptr;
  check_cublas(cublasLtMatrixLayoutCreate(&created, cuda_type(dtype), static_cast<std::uint64_t>(rows),
                                          static_cast<std::uint64_t>(type.elements() / rows), rows),
               "cublasLtMatrixLayoutCreate", problem);
  return MatrixLayout(created);
}

Matmul::Matmul(const CublasContext& context, const ConvProblem& given) : problem(given), handle(context.get()) {
  cublasLtMatmulDesc_t created = nullptr;
  check_cublas(
      cublasLtMatmulDescCreate(&created, problem.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
      "cublasLtMatmulDescCreate", problem);
  desc.reset(created);
  const auto [x, w, y] = std::tie(problem.x, problem.w, problem.y);
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<std::uint32_t>(epilogue_of(problem)));
  if (problem.has_mask()) set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, relu_mask_type(image()).shape[1] * 8);  // in bits
  switch (problem.op) {
    case ConvOp::forward:
      set(CUBLASLT_MATMUL_DESC_TRANSA, static_cast<std::int32_t>(CUBLAS_OP_T));
      a = layout(w, w.dtype);
      b = layout(x, x.dtype);
      d = layout(y, y.dtype);
      break;
    case ConvOp::data_grad:
    case ConvOp::data_grad_relu:
      a = layout(w, w.dtype);
      b = layout(y, y.dtype);
      d = layout(x, x.dtype);
      break;
    case ConvOp::weight_grad:
      set(CUBLASLT_MATMUL_DESC_TRANSB, static_cast<std::int32_t>(CUBLAS_OP_T));
      a = layout(x, x.dtype);
      b = layout(y, y.dtype);
      d = layout(w, problem.vector_dtype());
      break;
  }
}

/// Sums split among blocks may only be put together in a separate step, in f32: in a fixed order, without rounding
/// twice. In-place reductions take their parts as they come.
bool in_fixed_order(const cublasLtMatmulAlgo_t& algo) {
  std::uint32_t scheme = 0;
  std::size_t written = 0;
  return cublasLtMatmulAlgoConfigGetAttribute(&algo, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &scheme, sizeof scheme,
                                              &written) == CUBLAS_STATUS_SUCCESS &&
         (scheme == CUBLASLT_REDUCTION_SCHEME_NONE || scheme == CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
}

class CublasAlgorithm final : public ConvAlgorithm {
 public:
  CublasAlgorithm(std::shared_ptr<Matmul> matmul, const cublasLtMatmulAlgo_t& algo, std::size_t workspace)
      : matmul_(std::move(matmul)), algo_(algo), workspace_(workspace) {
    const auto aligned = [](std::size_t bytes) {
      return (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
    };
    const Type& image = matmul_->image();
    if (matmul_->casts_bias()) bias_bytes_ = aligned(static_cast<std::size_t>(image.shape.last()) * sizeof(bfloat16));
    if (matmul_->is_relu_grad() && !matmul_->problem.mask) mask_bytes_ = aligned(relu_mask_type(image).bytes());
  }

  /// The words of cublasLtMatmulAlgo_t, which may be kept for the same version of the library, says cublasLt.h; zeros
  /// at the end left out.
  std::string name() const override {
    std::size_t words = std::size(algo_.data);
    while (words > 1 && algo_.data[words - 1] == 0) --words;
    std::string text(kPrefix);
    std::array<char, 16> hex;  // of one word
    for (std::size_t i = 0; i < words; ++i) {
      char* const end = std::to_chars(hex.data(), hex.data() + hex.size(), algo_.data[i], 16).ptr;
      text.append(i > 0 ? "." : "").append(hex.data(), end);
    }
    return text;
  }

  std::size_t workspace_bytes() const override { return bias_bytes_ + mask_bytes_ + workspace_; }

  void run(const Queue& queue, const ConvOperands& operands, void* workspace) override {
    const ConvProblem& problem = matmul_->problem;
    const Shape channels{matmul_->image().shape.last()};
    const Tensor narrow{workspace, {DType::bf16, channels}};
    const Tensor bias_grad{operands.bias_grad, {DType::f32, channels}};
    if (problem.bias) {
      const void* const bias = matmul_->is_relu_grad() ? operands.bias_grad : operands.bias;
      if (matmul_->casts_bias() && !matmul_->is_relu_grad()) cast_elements(queue, {bias, bias_grad.type}, narrow);
      matmul_->set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, matmul_->casts_bias() ? narrow.data : bias);
    }
    if (problem.has_mask()) {
      const void* mask = matmul_->is_relu_grad() ? operands.mask : operands.written_mask;
      if (mask_bytes_ > 0) {
        const Tensor made{static_cast<std::byte*>(workspace) + bias_bytes_, relu_mask_type(matmul_->image())};
        write_relu_mask(queue, {operands.relu_output, matmul_->image()}, made);
        mask = made.data;
      }
      matmul_->set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, mask);
    }
    const bool forward = problem.op == ConvOp::forward, weight_grad = problem.op == ConvOp::weight_grad;
    const void* const a = weight_grad ? operands.x : operands.w;
    const void* const b = forward ? operands.x : operands.y;
    void* const d = operands.result;
    const float alpha = 1, beta = problem.residual ? 1 : 0;
    check_cublas(
        cublasLtMatmul(matmul_->handle, matmul_->desc.get(), &alpha, a, matmul_->a.get(), b, matmul_->b.get(), &beta,
                       problem.residual ? operands.residual : d, matmul_->d.get(), d, matmul_->d.get(), &algo_,
                       workspace_ > 0 ? static_cast<std::byte*>(workspace) + bias_bytes_ + mask_bytes_ : nullptr,
                       workspace_, queue.stream),
        "cublasLtMatmul", problem);
    if (matmul_->casts_bias() && matmul_->is_relu_grad()) cast_elements(queue, narrow, bias_grad);
  }

 private:
  std::shared_ptr<Matmul> matmul_;
  cublasLtMatmulAlgo_t algo_;
  std::size_t workspace_;
  std::size_t bias_bytes_ = 0, mask_bytes_ = 0;  // of the workspace, in front of the library's
};

}  // namespace

CublasContext::CublasContext() {
  const cublasStatus_t status = cublasLtCreate(&handle_);
  require(status == CUBLAS_STATUS_SUCCESS, "cuBLASLt: cublasLtCreate: ", cublasLtGetStatusString(status));
}
CublasContext::~CublasContext() { static_cast<void>(cublasLtDestroy(handle_)); }

std::string cublas_version() {
  const std::size_t version = cublasLtGetVersion();  // major * 10000 + minor * 100 + patch
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

ConvAlgorithms cublas_algorithms(const CublasContext& context, const ConvProblem& problem) {
  if (!is_matmul(problem)) return {};
  const auto matmul = std::make_shared<Matmul>(context, problem);
  cublasLtMatmulPreference_t created = nullptr;
  check_cublas(cublasLtMatmulPreferenceCreate(&created), "cublasLtMatmulPreferenceCreate", problem);
  const Preference preference(created);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    check_cublas(cublasLtMatmulPreferenceSetAttribute(created, attribute, &value, sizeof value),
                 "cublasLtMatmulPreferenceSetAttribute", problem);
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
         static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  for (const auto operand : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                             CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    prefer(operand, kAlignment);
  }
  std::array<cublasLtMatmulHeuristicResult_t, kCandidates> results{};
  int found = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(context.get(), matmul->desc.get(), matmul->a.get(), matmul->b.get(),
                                     matmul->d.get(), matmul->d.get(), created, kCandidates, results.data(), &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
  check_cublas(status, "cublasLtMatmulAlgoGetHeuristic", problem);
  ConvAlgorithms algorithms;
  for (std::size_t i = 0; i < static_cast<std::size_t>(found); ++i) {
    if (results[i].state != CUBLAS_STATUS_SUCCESS || !in_fixed_order(results[i].algo)) continue;
    algorithms.push_back(std::make_unique<CublasAlgorithm>(matmul, results[i].algo, results[i].workspaceSize));
  }
  return algorithms;
}

std::unique_ptr<ConvAlgorithm> cublas_algorithm(const CublasContext& context, const ConvProblem& problem,
                                                const std::string& name) {
  if (!is_matmul(problem) || !name.starts_with(kPrefix)) return nullptr;
  cublasLtMatmulAlgo_t algo{};
  const char* at = name.data() + kPrefix.size();
  const char* const end = name.data() + name.size();
  for (std::uint64_t& word : algo.data) {
    const auto [after, error] = std::from_chars(at, end, word, 16);
    if (error != std::errc()) return nullptr;
    at = after;
    if (at == end) break;
    if (*at++ != '.') return nullptr;
  }
  if (at != end) return nullptr;
  const auto matmul = std::make_shared<Matmul>(context, problem);
  cublasLtMatmulHeuristicResult_t result{};
  const cublasStatus_t status =
      cublasLtMatmulAlgoCheck(context.get(), matmul->desc.get(), matmul->a.get(), matmul->b.get(), matmul->d.get(),
                              matmul->d.get(), &algo, &result);
  if (status != CUBLAS_STATUS_SUCCESS || !in_fixed_order(algo)) return nullptr;
  return std::make_unique<CublasAlgorithm>(matmul, algo, result.workspaceSize);
}

}  // namespace dgsam
