#include "engine/cuda/library/cuda_backend.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "engine/cuda/checks.h"
#include "engine/cuda/library/conv_kernel_after.h"
#include "engine/cuda/library/cudnn_conv.h"
#include "engine/cuda/relu.h"
#include "engine/cuda/vector.h"

namespace dgsam {
namespace {

std::string versions() { return "cuDNN " + CudnnContext::version() + ", cuBLASLt " + cublas_version(); }

/// All that measured choices depend on beside the problem.
std::string machine(const DeviceInfo& device) {
  return device.name + ", sm_" + std::to_string(device.major) + std::to_string(device.minor) + ", " + versions();
}

}  // namespace

CudaBackend::CudaBackend(const CudaOptions& options)
    : tf32_(options.tf32),
      chooser_(libraries(), PlanFile(plan_file_path(options.plan_cache), machine(device())), options.measure) {}

std::vector<ConvLibrary> CudaBackend::libraries() const {
  const ConvLibrary cublas{
      [this](const ConvProblem& problem) { return cublas_algorithms(cublas_, problem); },
      [this](const ConvProblem& problem, const std::string& name) { return cublas_algorithm(cublas_, problem, name); }};
  const ConvLibrary cudnn{
      [this](const ConvProblem& problem) {
        ConvAlgorithms compiled = cudnn_algorithms(cudnn_, problem, CudnnKernels::compiled);
        // Kernels that cuDNN compiles itself take seconds in every run: where there are no others.
        return compiled.empty() ? cudnn_algorithms(cudnn_, problem, CudnnKernels::all) : std::move(compiled);
      },
      [this](const ConvProblem& problem, const std::string& name) { return cudnn_algorithm(cudnn_, problem, name); }};
  // Where both have a way and nothing is measured, cuBLASLt: it gives weight gradients in f32.
  return {cublas, cudnn, with_kernel_after({cublas, cudnn})};
}

std::string CudaBackend::name() const { return "cuda (" + device().name + ", " + versions() + ")"; }

std::size_t CudaBackend::scratch_to_come() const {
  const auto left = [](std::size_t taken) {
    return ConvChooser::kMostWorkspace - std::min(taken, ConvChooser::kMostWorkspace);
  };
  const auto [main, side] = scratch_bytes();
  return left(main) + left(side);
}

std::size_t CudaBackend::Hash::operator()(const ConvProblem& problem) const {
  std::size_t hash = 0;
  const auto add = [&](std::int64_t value) {  // a multiplicative hash; the constant is 2^64 over the golden ratio
    hash = (hash ^ static_cast<std::size_t>(value)) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  };
  add(static_cast<int>(problem.op));
  add(static_cast<int>(problem.x.dtype));
  for (const Type* type : {&problem.x, &problem.w}) {  // y follows from them
    for (int axis = 0; axis < type->shape.rank(); ++axis) add(type->shape[axis]);
  }
  add(problem.spec.stride);
  add(problem.spec.padding);
  add(problem.spec.relu + 2 * problem.bias + 4 * problem.residual + 8 * problem.mask);
  return hash;
}

bool CudaBackend::run(const ConvProblem& problem, const ConvOperands& operands) {
  if (problem.x.dtype == DType::f64 ||
      !words_at(operands.x, operands.w, operands.y, operands.result, operands.bias, operands.residual,
                operands.written_mask, operands.mask, operands.relu_output, operands.bias_grad)) {
    return false;
  }
  auto found = algorithms_.find(problem);
  if (found == algorithms_.end()) {
    const auto workspace = [this](std::size_t bytes) { return scratch(bytes); };
    found = algorithms_.emplace(problem, chooser_.choose(problem, queue(), operands, workspace)).first;
  }
  ConvAlgorithm* const algorithm = found->second.get();
  if (algorithm == nullptr) return false;
  algorithm->run(queue(), operands, scratch(algorithm->workspace_bytes()));
  return true;
}

int CudaBackend::relu_mask_bits(DType activation) {
  if (activation == DType::f64) return 0;
  auto known = masks_agree_.find(activation);
  if (known == masks_agree_.end()) known = masks_agree_.emplace(activation, masks_agree(activation)).first;
  return known->second ? kReluMaskBits : 0;
}

bool CudaBackend::masks_agree(DType dtype) try {
  // One weight per channel, of all signs, times one pixel of ones; more channels than a row of bits has.
  constexpr std::int64_t kDepth = 8, kChannels = 192;
  const ConvProblem problem{.x = {dtype, {1, 1, 1, kDepth}},
                            .w = {dtype, {kChannels, 1, 1, kDepth}},
                            .y = {dtype, {1, 1, 1, kChannels}},
                            .spec = {.relu = true},
                            .mask = true};
  const ConvAlgorithms ways = cublas_algorithms(cublas_, problem);
  if (ways.empty()) return true;
  const Type mask = relu_mask_type(problem.y);
  std::vector<float> signs(static_cast<std::size_t>(problem.w.elements()));
  for (std::int64_t k = 0; k < kChannels; ++k) signs[static_cast<std::size_t>(k * kDepth)] = k * k % 7 < 3 ? 1 : -1;
  Buffer f32(*this, signs.size() * sizeof(float)), x(*this, problem.x.bytes()), w(*this, problem.w.bytes()),
      y(*this, problem.y.bytes()), theirs(*this, mask.bytes()), ours(*this, mask.bytes());
  upload({f32.data(), {DType::f32, problem.w.shape}}, signs.data());
  cast({f32.data(), {DType::f32, problem.w.shape}}, {w.data(), problem.w});
  fill({x.data(), problem.x}, 1);
  void* const workspace = scratch(ways.front()->workspace_bytes());
  ways.front()->run(queue(), {.x = x.data(), .w = w.data(), .result = y.data(), .written_mask = theirs.data()},
                    workspace);
  write_relu_mask(queue(), {y.data(), problem.y}, {ours.data(), mask});
  std::vector<std::uint8_t> bytes(mask.bytes()), expected(mask.bytes());
  download(bytes.data(), {theirs.data(), mask});
  download(expected.data(), {ours.data(), mask});
  return std::equal(bytes.begin(), bytes.begin() + kChannels / 8, expected.begin());
} catch (const Error&) {
  return false;  // a library that writes none
}

void CudaBackend::conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, const Conv2dSpec& spec) {
  conv2d_relu_mask(x, w, b, z, y, {}, spec);
}

void CudaBackend::conv2d_relu_mask(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y,
                                   Opaque<Tensor> mask, const Conv2dSpec& spec) {
  conv_geometry("conv2d", x, w, y, spec);
  check("conv2d", "w", w, {x.dtype(), w.shape()});
  check("conv2d", "y", y, {x.dtype(), y.shape()});
  check_optional("conv2d", "b", b, {master_of(x.dtype()), {w.shape()[0]}});
  check_optional("conv2d", "z", z, y.type);
  check_optional("conv2d", "mask", mask, relu_mask_type(y.type));
  require(!mask || spec.relu, "conv2d: a mask of a ReLU, but no ReLU");
  const ConvProblem problem{.op = ConvOp::forward,
                            .x = x.type,
                            .w = w.type,
                            .y = y.type,
                            .spec = spec,
                            .bias = static_cast<bool>(b),
                            .residual = static_cast<bool>(z),
                            .mask = static_cast<bool>(mask),
                            .tf32 = tf32_ && x.dtype() == DType::f32};
  const ConvOperands operands{
      .x = x.data, .w = w.data, .result = y.data, .bias = b.data, .residual = z.data, .written_mask = mask.data};
  if (run(problem, operands)) return;
  CudaKernelBackend::conv2d(x, w, b, z, y, spec);
  if (mask) write_relu_mask(queue(), y, mask);
}

void CudaBackend::conv2d_data_grad(ConstTensor dy, ConstTensor w, Tensor dx, const Conv2dSpec& spec) {
  conv_geometry("conv2d_data_grad", dx, w, dy, spec);
  check("conv2d_data_grad", "w", w, {dy.dtype(), w.shape()});
  check("conv2d_data_grad", "dx", dx, {dy.dtype(), dx.shape()});
  const ConvProblem problem{.op = ConvOp::data_grad,
                            .x = dx.type,
                            .w = w.type,
                            .y = dy.type,
                            .spec = {spec.stride, spec.padding, false},
                            .tf32 = tf32_ && dy.dtype() == DType::f32};
  if (run(problem, {.w = w.data, .y = dy.data, .result = dx.data})) return;
  CudaKernelBackend::conv2d_data_grad(dy, w, dx, spec);
}

void CudaBackend::conv2d_data_grad_relu(ConstTensor dy, ConstTensor w, ConstTensor dx2, ConstTensor x,
                                        Opaque<ConstTensor> mask, Tensor dz, Tensor db, const Conv2dSpec& spec) {
  constexpr const char* kOp = "conv2d_data_grad_relu";
  conv_geometry(kOp, dz, w, dy, spec);
  check(kOp, "w", w, {dy.dtype(), w.shape()});
  check(kOp, "dz", dz, {dy.dtype(), dz.shape()});
  check(kOp, "x", x, dz.type);
  check_optional(kOp, "dx2", dx2, dz.type);
  check_optional(kOp, "mask", mask, relu_mask_type(dz.type));
  check_optional(kOp, "db", db, {master_of(dy.dtype()), {dz.shape().last()}});
  const ConvProblem problem{.op = ConvOp::data_grad_relu,
                            .x = dz.type,
                            .w = w.type,
                            .y = dy.type,
                            .spec = {spec.stride, spec.padding, false},
                            .bias = static_cast<bool>(db),
                            .residual = static_cast<bool>(dx2),
                            .mask = static_cast<bool>(mask),
                            .tf32 = tf32_ && dy.dtype() == DType::f32};
  const ConvOperands operands{.w = w.data,
                              .y = dy.data,
                              .result = dz.data,
                              .residual = dx2.data,
                              .mask = mask.data,
                              .relu_output = x.data,
                              .bias_grad = db.data};
  if (!run(problem, operands)) Backend::conv2d_data_grad_relu(dy, w, dx2, x, mask, dz, db, spec);
}

void CudaBackend::conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) {
  conv_geometry("conv2d_weight_grad", x, dw, dy, spec);
  check("conv2d_weight_grad", "dy", dy, {x.dtype(), dy.shape()});
  check("conv2d_weight_grad", "dw", dw, {master_of(x.dtype()), dw.shape()});
  const ConvProblem problem{.op = ConvOp::weight_grad,
                            .x = x.type,
                            .w = {x.dtype(), dw.shape()},
                            .y = dy.type,
                            .spec = {spec.stride, spec.padding, false},
                            .tf32 = tf32_ && x.dtype() == DType::f32};
  if (run(problem, {.x = x.data, .y = dy.data, .result = dw.data})) return;
  CudaKernelBackend::conv2d_weight_grad(x, dy, dw, spec);
}

}  // namespace dgsam
