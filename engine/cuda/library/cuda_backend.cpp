#include "engine/cuda/library/cuda_backend.h"

#include <algorithm>
#include <cstdio>
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

/// Whether a bias, or a gradient, has the type of its bf16 images.
bool is_narrow(ConstTensor vector, ConstTensor image) {
  return vector && image.dtype() == DType::bf16 && vector.dtype() == DType::bf16;
}

}  // namespace

CudaBackend::CudaBackend(const CudaOptions& options)
    : tf32_(options.tf32),
      chooser_(libraries(), PlanFile(plan_file_path(options.plan_cache), machine(device())), options.measure,
               [this](const ConvProblem& problem, const ConvOperands& operands) { run_kernels(problem, operands); }) {}

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
  add(problem.spec.relu + 2 * problem.bias + 4 * problem.residual + 8 * problem.mask + 16 * problem.narrow);
  return hash;
}

bool CudaBackend::run_library(const ConvProblem& problem, const ConvOperands& operands) {
  if (problem.x.dtype == DType::f64 ||
      !words_at(operands.x, operands.w, operands.y, operands.result, operands.bias, operands.residual,
                operands.written_mask, operands.mask, operands.relu_output, operands.bias_grad)) {
    return false;
  }
  for (;;) {  // until an algorithm runs or there is none left
    auto found = algorithms_.find(problem);
    if (found == algorithms_.end()) {
      const auto workspace = [this](std::size_t bytes) { return scratch(bytes); };
      found = algorithms_.emplace(problem, chooser_.choose(problem, queue(), operands, workspace)).first;
      if (!found->second) {
        std::fprintf(stderr, "note: no library has a way that works for %s; a plain kernel computes it, slowly\n",
                     problem.text().c_str());
      }
    }
    ConvAlgorithm* const algorithm = found->second.get();
    if (algorithm == nullptr) return false;
    try {
      algorithm->run(queue(), operands, scratch(algorithm->workspace_bytes()));
      return true;
    } catch (const Error& error) {
      cudaStreamCaptureStatus capture{};
      check_cuda(cudaStreamIsCapturing(queue().stream, &capture), "cudaStreamIsCapturing");
      if (capture != cudaStreamCaptureStatusNone) throw;  // what has been recorded is lost with it
      static_cast<void>(cudaGetLastError());
      chooser_.strike_off(problem, *algorithm, error.what());
      algorithms_.erase(found);
      synchronize();  // throws where the device is lost
    }
  }
}

void CudaBackend::run_kernels(const ConvProblem& problem, const ConvOperands& operands) {
  const DType master = problem.narrow ? problem.x.dtype : master_of(problem.x.dtype);  // of the vectors
  const std::int64_t filters = problem.w.shape[0], channels = problem.x.shape.last();
  const ConstTensor w{operands.w, problem.w},
      residual{operands.residual, problem.op == ConvOp::forward ? problem.y : problem.x};
  switch (problem.op) {
    case ConvOp::forward: {
      const Tensor y{operands.result, problem.y};
      CudaKernelBackend::conv2d({operands.x, problem.x}, w, {operands.bias, {master, {filters}}}, residual, y,
                                problem.spec);
      if (problem.mask) write_relu_mask(queue(), y, {operands.written_mask, relu_mask_type(problem.y)});
      return;
    }
    case ConvOp::data_grad:
      return CudaKernelBackend::conv2d_data_grad({operands.y, problem.y}, w, {operands.result, problem.x},
                                                 problem.spec);
    case ConvOp::weight_grad:
      return CudaKernelBackend::conv2d_weight_grad({operands.x, problem.x}, {operands.y, problem.y},
                                                   {operands.result, {master, problem.w.shape}}, problem.spec);
    case ConvOp::data_grad_relu: {
      const Tensor dz{operands.result, problem.x}, db{operands.bias_grad, {master, {channels}}};
      CudaKernelBackend::conv2d_data_grad({operands.y, problem.y}, w, dz, problem.spec);
      void* const memory = problem.bias ? scratch(relu_grad_bytes(problem.x)) : nullptr;
      return relu_grad(queue(), dz, residual, {operands.relu_output, problem.x}, dz, db, memory);
    }
  }
}

void CudaBackend::run(const ConvProblem& problem, const ConvOperands& operands) {
  if (run_library(problem, operands)) return;
  try {
    run_kernels(problem, operands);
  } catch (const Error& error) {
    fail(error.what(), "; there is no other way to compute ", problem.text());
  }
}

int CudaBackend::relu_mask_bits(DType activation) {
  if (activation == DType::f64) return 0;
  auto known = masks_agree_.find(activation);
  if (known == masks_agree_.end()) known = masks_agree_.emplace(activation, masks_agree(activation)).first;
  return known->second ? kReluMaskBits : 0;
}

void CudaBackend::conv2d(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y, const Conv2dSpec& spec) {
  conv2d_relu_mask(x, w, b, z, y, {}, spec);
}

void CudaBackend::conv2d_relu_mask(ConstTensor x, ConstTensor w, ConstTensor b, ConstTensor z, Tensor y,
                                   Opaque<Tensor> mask, const Conv2dSpec& spec) {
  conv_geometry("conv2d", x, w, y, spec);
  check("conv2d", "w", w, {x.dtype(), w.shape()});
  check("conv2d", "y", y, {x.dtype(), y.shape()});
  const bool narrow = is_narrow(b, x);
  check_optional("conv2d", "b", b, {narrow ? x.dtype() : master_of(x.dtype()), {w.shape()[0]}});
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
                            .narrow = narrow,
                            .tf32 = tf32_ && x.dtype() == DType::f32};
  const ConvOperands operands{
      .x = x.data, .w = w.data, .result = y.data, .bias = b.data, .residual = z.data, .written_mask = mask.data};
  run(problem, operands);
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
  run(problem, {.w = w.data, .y = dy.data, .result = dx.data});
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
  const bool narrow = is_narrow(db, dz);
  check_optional(kOp, "db", db, {narrow ? dz.dtype() : master_of(dy.dtype()), {dz.shape().last()}});
  const ConvProblem problem{.op = ConvOp::data_grad_relu,
                            .x = dz.type,
                            .w = w.type,
                            .y = dy.type,
                            .spec = {spec.stride, spec.padding, false},
                            .bias = static_cast<bool>(db),
                            .residual = static_cast<bool>(dx2),
                            .mask = static_cast<bool>(mask),
                            .narrow = narrow,
                            .tf32 = tf32_ && dy.dtype() == DType::f32};
  const ConvOperands operands{.w = w.data,
                              .y = dy.data,
                              .result = dz.data,
                              .residual = dx2.data,
                              .mask = mask.data,
                              .relu_output = x.data,
                              .bias_grad = db.data};
  run(problem, operands);
}

void CudaBackend::conv2d_weight_grad(ConstTensor x, ConstTensor dy, Tensor dw, const Conv2dSpec& spec) {
  conv_geometry("conv2d_weight_grad", x, dw, dy, spec);
  check("conv2d_weight_grad", "dy", dy, {x.dtype(), dy.shape()});
  const bool narrow = is_narrow(dw, x);
  check("conv2d_weight_grad", "dw", dw, {narrow ? x.dtype() : master_of(x.dtype()), dw.shape()});
  const ConvProblem problem{.op = ConvOp::weight_grad,
                            .x = x.type,
                            .w = {x.dtype(), dw.shape()},
                            .y = dy.type,
                            .spec = {spec.stride, spec.padding, false},
                            .narrow = narrow,
                            .tf32 = tf32_ && x.dtype() == DType::f32};
  run(problem, {.x = x.data, .y = dy.data, .result = dw.data});
}

}  // namespace dgsam
