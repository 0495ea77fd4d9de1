// The operations as a model writes them. Each appends one node; formulas are in operations.def.
#pragma once

#include "engine/graph/graph.h"

namespace dgsam {

/// x [N,H,W,C], w [K,R,S,C], optional bias [K] and residual like the result -> [N,P,Q,K]. w is cast to x's type.
Value conv2d(Graph& graph, Value x, Value w, Value bias, Value residual, const Conv2dSpec& spec);
/// x [N,C], w [K,C], bias [K] or none -> [N,K]. w is cast to x's type.
Value linear(Graph& graph, Value x, Value w, Value bias);

struct FoldedWeights {
  Value w, b;
};
/// The frozen batch norm behind a convolution as a transform of the convolution's parameters.
FoldedWeights fold_batch_norm(Graph& graph, Value w, Value gamma, Value beta, Value mean, Value var, double eps);
/// Batch norm with the batch's own statistics. `counters` is the graph's i64[kStepCounters] input.
Value batch_norm(Graph& graph, Value x, Value gamma, Value beta, Value running_mean, Value running_var, Value counters,
                 const BatchNormSpec& spec);
Value group_norm(Graph& graph, Value x, Value gamma, Value beta, int groups, double eps);

Value relu(Graph& graph, Value x);
Value add(Graph& graph, Value a, Value b);
/// x itself when it has that type already.
Value cast(Graph& graph, Value x, DType dtype);
/// A tensor of one value.
Value fill(Graph& graph, const Type& type, double value);
Value max_pool(Graph& graph, Value x, const PoolSpec& spec);
/// [N,H,W,C] -> [N,C]
Value global_avg_pool(Graph& graph, Value x);
/// x itself when p is 0.
Value dropout(Graph& graph, Value x, Value counters, const DropoutSpec& spec);
/// Mean loss over the batch, a master scalar. labels i32[N].
Value softmax_cross_entropy(Graph& graph, Value logits, Value labels);

/// dz = (dy + dy2) ⊙ [y > 0] and db = channel sums of dz (see Backend::bias_relu_grad); dy2 and y may be none.
struct BiasReluGrad {
  Value dz, db;
};
BiasReluGrad bias_relu_grad(Graph& graph, Value dy, Value y, bool want_dz, bool want_db);

}  // namespace dgsam
