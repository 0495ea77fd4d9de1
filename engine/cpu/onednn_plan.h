// Which oneDNN primitives compute a convolution and a linear layer.
#pragma once

#include <memory>

#include "engine/backend.h"
#include "engine/cpu/onednn_call.h"
#include "engine/operations.h"

namespace dgsam {

/// All that decides how an operation is computed. x, w and y are those of the forward operation; a gradient has the
/// place of what it is the gradient of.
struct OneDnnProblem {
  Operation op = Operation::conv2d;  ///< a convolution or one of the linear operations
  Type x, w, y;
  Conv2dSpec spec = {};   ///< convolutions only
  bool bias = false;      ///< forward only
  bool residual = false;  ///< forward convolution only
  bool operator==(const OneDnnProblem&) const = default;
};

struct OneDnnPlan {
  std::unique_ptr<OneDnnCall> call;  ///< null when oneDNN has no fast code for the problem
  bool residual_in_output = false;   ///< the call adds to what is in y: z must be copied there first
};

/// The argument of the residual z.
inline constexpr int kOneDnnResidual = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1;

/// Chooses how to compute `problem`. The call's operands are those of dnnl::convolution_forward, _backward_data and
/// _backward_weights, or of dnnl::matmul for a linear layer: x·wᵀ, dy·w, dyᵀ·x in the order SRC, WEIGHTS, DST.
/// `winograd` allows F(4x4, 3x3) in f32: about half the time of a direct 3x3 convolution, and rounding errors of about
/// 1e-6 of the result's norm instead of 2e-7. The number of OpenMP threads is part of the choice: set it before.
/// Where shapes disagree, it throws dnnl::error or has no call.
OneDnnPlan plan_onednn(const dnnl::engine& engine, const OneDnnProblem& problem, bool winograd);

}  // namespace dgsam
