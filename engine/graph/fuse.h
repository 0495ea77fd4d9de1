// Rewrites of the list that save passes over memory. Results change only by rounding.
#pragma once

#include "engine/graph/graph.h"

namespace dgsam {

/// Before gradients: relu(add(conv2d(x), z)), relu(conv2d(x)) -> one conv2d with a residual and a ReLU.
void fuse_epilogues(Graph& graph);
/// After gradients: bias_relu_grad(add(a, b)) -> bias_relu_grad with two incoming gradients.
void fuse_gradient_sums(Graph& graph);

}  // namespace dgsam
