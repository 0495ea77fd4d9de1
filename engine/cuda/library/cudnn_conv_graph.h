// A convolution as cuDNN's graph: which tensors, in which order of operations.
//
//   forward      conv -> + residual -> + bias -> ReLU, in this order: the one that cuDNN has compiled kernels for
//   data_grad    alone, strided or not
//   weight_grad  alone, or -> identity to f32
//
// Images are NHWC and weights KRSC in memory; cuDNN is told N,C,H,W and K,C,R,S with the strides that this means. Sums
// are f32, and so is everything between two operations.
#pragma once

#include <optional>

#include "engine/cuda/library/conv_algorithm.h"
#include "engine/cuda/library/cudnn_context.h"

namespace dgsam {

/// The numbers by which operands are bound to a graph's tensors.
enum CudnnUid : std::int64_t { kUidX = 1, kUidW, kUidY, kUidBias, kUidResidual, kUidBetween };

/// bf16 convolutions have f32 operands here (bias, weight gradient), which cuDNN's compiled kernels do not take.
enum class CudnnOperands : std::uint8_t {
  direct,  ///< the f32 operand as it is: kernels that cuDNN compiles when the plan is built
  cast,    ///< the operand in bf16, in the workspace, with a cast before or behind
};
/// Whether the two differ.
bool has_cast(const ConvProblem& problem);
/// The operand that a cast is for, in the graph's type.
Type cast_type(const ConvProblem& problem);

/// nullopt where cuDNN has no such graph. Throws Error for a problem that is none of conv_algorithm.h's.
std::optional<CudnnDescriptor> cudnn_conv_graph(const CudnnContext& context, const ConvProblem& problem,
                                                CudnnOperands operands);

}  // namespace dgsam
