// cuDNN's ways to compute a convolution.
//
// Heuristics list an engine with the values of its knobs, the fastest first; each that passes the rules below and that
// cuDNN can build is one algorithm. Its name is all of that, "cudnn:cast:41:27=2,28=1" (operands, engine, knobs), so
// that it is built again from the name without asking heuristics.
//
// Engines that are left out:
//   - nondeterministic ones, and those that add up in less than f32;
//   - in f32 without problem.tf32: tensor cores and rounded inputs. Winograd and FFT are not left out: their sums are
//     f32, in another order, and what they round differently is what frameworks accept as f32 by default;
//   - what needs more than kCudnnWorkspace.
//
// In bf16, a bias or weight gradient is f32 here and bf16 in every kernel that comes compiled with cuDNN. Such a kernel
// gets a cast before or behind it, which rounds that operand to bf16, as frameworks' mixed precision does; engines that
// cuDNN compiles itself take the f32 operand.
#pragma once

#include "engine/cuda/library/conv_algorithm.h"
#include "engine/cuda/library/cudnn_context.h"

namespace dgsam {

inline constexpr std::size_t kCudnnWorkspace = std::size_t{256} << 20;  ///< bytes, at most

enum class CudnnKernels : std::uint8_t {
  compiled,  ///< those that come with cuDNN: a plan takes microseconds to build
  all,       ///< and those that cuDNN compiles while the plan is built: up to seconds each, every time
};

/// The ways to compute a problem, cuDNN's guess at the fastest first. Empty where it has none: a ReLU or a residual
/// without bias has no compiled kernel, for one. Any channel count has some, the three of an image's too. The context
/// must outlive them. Throws Error that names the problem.
ConvAlgorithms cudnn_algorithms(const CudnnContext& context, const ConvProblem& problem,
                                CudnnKernels kernels = CudnnKernels::all);

/// The way of that name; null for a name that is none, or that does not fit this problem, cuDNN or device.
std::unique_ptr<ConvAlgorithm> cudnn_algorithm(const CudnnContext& context, const ConvProblem& problem,
                                               const std::string& name);

}  // namespace dgsam
