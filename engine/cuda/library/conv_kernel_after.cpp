#include "engine/cuda/library/conv_kernel_after.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/cuda/relu.h"

namespace dgsam {
namespace {

constexpr std::string_view kSuffix = "+kernel";

ConvProblem alone(ConvProblem problem) {
  problem.mask = false;
  if (problem.op == ConvOp::data_grad_relu) {
    problem.op = ConvOp::data_grad;
    problem.bias = problem.residual = problem.narrow = false;
  }
  return problem;
}

class KernelAfter final : public ConvAlgorithm {
 public:
  KernelAfter(const ConvProblem& problem, std::unique_ptr<ConvAlgorithm> convolution)
      : problem_(problem), convolution_(std::move(convolution)) {}

  std::string name() const override { return convolution_->name() + std::string(kSuffix); }

  /// The kernel's memory is the convolution's, which is done with it.
  std::size_t workspace_bytes() const override {
    const std::size_t sums = problem_.op == ConvOp::data_grad_relu ? relu_grad_bytes(problem_.x) : 0;
    return std::max(convolution_->workspace_bytes(), sums);
  }

  void run(const Queue& queue, const ConvOperands& operands, void* workspace) override {
    convolution_->run(queue, operands, workspace);
    if (problem_.op == ConvOp::forward) {
      return write_relu_mask(queue, {operands.result, problem_.y}, {operands.written_mask, relu_mask_type(problem_.y)});
    }
    const Tensor dz{operands.result, problem_.x},
        db{operands.bias_grad, {problem_.vector_dtype(), {problem_.x.shape.last()}}};
    const ConstTensor dx2{operands.residual, problem_.x};
    relu_grad(queue, dz, problem_.residual ? dx2 : ConstTensor{}, {operands.relu_output, problem_.x}, dz,
              problem_.bias ? db : Tensor{}, workspace);
  }

 private:
  ConvProblem problem_;
  std::unique_ptr<ConvAlgorithm> convolution_;
};

}  // namespace

ConvLibrary with_kernel_after(std::vector<ConvLibrary> libraries) {
  const auto all = [libraries](const ConvProblem& problem) {
    ConvAlgorithms algorithms;
    if (!problem.has_mask()) return algorithms;
    for (const ConvLibrary& library : libraries) {
      for (auto& convolution : algorithms_of(library, alone(problem))) {
        algorithms.push_back(std::make_unique<KernelAfter>(problem, std::move(convolution)));
      }
    }
    return algorithms;
  };
  const auto named = [libraries](const ConvProblem& problem,
                                 const std::string& name) -> std::unique_ptr<ConvAlgorithm> {
    if (!problem.has_mask() || !name.ends_with(kSuffix)) return nullptr;
    const std::string of_convolution = name.substr(0, name.size() - kSuffix.size());
    for (const ConvLibrary& library : libraries) {
      if (auto convolution = algorithm_named(library, alone(problem), of_convolution)) {
        return std::make_unique<KernelAfter>(problem, std::move(convolution));
      }
    }
    return nullptr;
  };
  return {all, named};
}

}  // namespace dgsam
