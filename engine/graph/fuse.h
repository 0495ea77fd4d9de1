// Rewrites of the list that save passes over memory. Results change only by rounding.
#pragma once

#include "engine/graph/graph.h"

namespace dgsam {

/// Before gradients: relu(add(conv2d(x), z)), relu(conv2d(x)) -> one conv2d with a residual and a ReLU.
void fuse_epilogues(Graph& graph);
/// After gradients: bias_relu_grad(add(a, b)) -> bias_relu_grad with two incoming gradients.
void fuse_gradient_sums(Graph& graph);
/// After gradients: bias_relu_grad(dz) -> db, where the bias_relu_grad that made dz summed it already -> that sum. So
/// two convolutions that are added up, as those at a residual block's end, share one bias gradient.
void share_bias_gradients(Graph& graph);
/// After these: conv2d_data_grad of a 1x1 convolution with stride 1, then bias_relu_grad with a mask -> one operation,
/// which backends with such a matrix product do at once. Where the ReLU is the epilogue of such a convolution, too,
/// that one writes a mask of `mask_bits` (Backend::relu_mask_bits()). In ResNet-50 this is 31 ReLUs of 49, 15 of them
/// with a mask.
void fuse_relu_gradients(Graph& graph, int mask_bits);
/// After these: biases that a fold makes, bias gradients of conv2d_data_grad_relu and weight gradients of convolutions
/// that are no matrix products get the activations' type where only folds read them. That is the type in which GPUs'
/// libraries take and give them; in the master type each is a cast more.
void narrow_folds(Graph& graph);
/// Last: all batch norms are folded before anything else, and their gradients come after everything else, so that a
/// backend can do all layers at once. Costs the memory of the folded weights' gradients. Results stay as they are.
void gather_folds(Graph& graph);

}  // namespace dgsam
