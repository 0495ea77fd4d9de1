#include "engine/graph/compile.h"

#include "engine/graph/fuse.h"
#include "engine/graph/gradients.h"

namespace dgsam {

void CompileOptions::adapt_to(Backend& backend, DType activation) {
  relu_mask_bits = backend.relu_mask_bits(activation);
  narrow_folds = backend.is_asynchronous() && activation == DType::bf16;
  gather_folds = backend.is_asynchronous();
}

void compile(Graph& graph, Value loss, const CompileOptions& options) {
  if (options.fuse) fuse_epilogues(graph);
  if (options.gradients) {
    append_gradients(graph, loss);
    if (options.fuse) {
      fuse_gradient_sums(graph);
      share_bias_gradients(graph);
      if (options.relu_mask_bits > 0) fuse_relu_gradients(graph, options.relu_mask_bits);
    }
  }
  if (options.narrow_folds) narrow_folds(graph);
  if (options.gather_folds) gather_folds(graph);
}

}  // namespace dgsam
