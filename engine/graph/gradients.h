// Reverse-mode differentiation of a list: the whole of autograd.
#pragma once

#include "engine/graph/graph.h"

namespace dgsam {

/// Walks the list backwards from the scalar `loss` and appends the nodes that compute dL/dθ; binds each parameter's
/// gradient to the gradient vector. A parameter that the loss does not reach is an Error that names it.
void append_gradients(Graph& graph, Value loss);

}  // namespace dgsam
