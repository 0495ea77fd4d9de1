// From a recorded forward pass to the list that runs: gradients, and the rewrites around them in their order.
#pragma once

#include "engine/graph/graph.h"

namespace dgsam {

struct CompileOptions {
  bool gradients = true;      ///< append those of the loss
  bool fuse = true;           ///< the rewrites of fuse.h that save passes over memory
  int relu_mask_bits = 0;     ///< other than 0: fuse_relu_gradients() with masks, where `fuse` is on
  bool narrow_folds = false;  ///< vectors between convolutions and folds in bf16: for asynchronous backends
  bool gather_folds = false;  ///< fold all frozen batch norms at once: for asynchronous backends

  /// Sets what makes `backend` fastest for activations of this type: relu_mask_bits, narrow_folds and
  /// gather_folds.
  void adapt_to(Backend& backend, DType activation);
};

/// Finishes `graph`, which holds the forward pass to the scalar `loss` and nothing else. The order of the rewrites:
///   fuse_epilogues           before gradients, so that an epilogue has one gradient
///   append_gradients
///   fuse_gradient_sums, share_bias_gradients, fuse_relu_gradients     on what the gradients are made of
///   narrow_folds
///   gather_folds             last: it moves nodes, and depends on none of the others
void compile(Graph& graph, Value loss, const CompileOptions& options);

}  // namespace dgsam
