#include "engine/cuda/library/cuda_backend.h"

#include <functional>

#include "engine/cuda/checks.h"
#include "engine/cuda/library/cudnn_conv.h"
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
  return {cublas, cudnn};
}

std::string CudaBackend::name() const { return "cuda (" + device().name + ", " + versions() + ")"; }

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
  add(problem.spec.relu + 2 * problem.bias + 4 * problem.residual);
  return hash;
}

bool CudaBackend::run(const ConvProblem& problem, const ConvOperands& operands) {
  if (problem.x.dtype == DType::f64 ||
      !words_at(operands.x, operands.w, operands.y, operands.bias, operands.residual)) {
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

void CudaBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& z, const Tensor& y,
                         const Conv2dSpec& spec) {
  conv_geometry("conv2d", x, w, y, spec);
  check("conv2d", "w", w, {x.dtype(), w.shape()});
  check("conv2d", "y", y, {x.dtype(), y.shape()});
  check_optional("conv2d", "b", b, {master_of(x.dtype()), {w.shape()[0]}});
  check_optional("conv2d", "z", z, y.type);
  const ConvProblem problem{.op = ConvOp::forward,
                            .x = x.type,
                            .w = w.type,
                            .y = y.type,
                            .spec = spec,
                            .bias = static_cast<bool>(b),
                            .residual = static_cast<bool>(z),
                            .tf32 = tf32_ && x.dtype() == DType::f32};
  if (run(problem, {x.data, w.data, y.data, b.data, z.data})) return;
  CudaKernelBackend::conv2d(x, w, b, z, y, spec);
}

void CudaBackend::conv2d_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx, const Conv2dSpec& spec) {
  conv_geometry("conv2d_data_grad", dx, w, dy, spec);
  check("conv2d_data_grad", "w", w, {dy.dtype(), w.shape()});
  check("conv2d_data_grad", "dx", dx, {dy.dtype(), dx.shape()});
  const ConvProblem problem{.op = ConvOp::data_grad,
                            .x = dx.type,
                            .w = w.type,
                            .y = dy.type,
                            .spec = {spec.stride, spec.padding, false},
                            .tf32 = tf32_ && dy.dtype() == DType::f32};
  if (run(problem, {dx.data, w.data, dy.data})) return;
  CudaKernelBackend::conv2d_data_grad(dy, w, dx, spec);
}

void CudaBackend::conv2d_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dSpec& spec) {
  conv_geometry("conv2d_weight_grad", x, dw, dy, spec);
  check("conv2d_weight_grad", "dy", dy, {x.dtype(), dy.shape()});
  check("conv2d_weight_grad", "dw", dw, {master_of(x.dtype()), dw.shape()});
  const ConvProblem problem{.op = ConvOp::weight_grad,
                            .x = x.type,
                            .w = {x.dtype(), dw.shape()},
                            .y = dy.type,
                            .spec = {spec.stride, spec.padding, false},
                            .tf32 = tf32_ && x.dtype() == DType::f32};
  if (run(problem, {x.data, dw.data, dy.data})) return;
  CudaKernelBackend::conv2d_weight_grad(x, dy, dw, spec);
}

}  // namespace dgsam
