// The readable form of a program, pinned.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/operations.h"
#include "tests/graph/graph_support.h"

using namespace dgsam;
using namespace dgsam::testing;

namespace {

constexpr const char* kDump = R"(# 13 operations, 128 parameters, 0.00 GFLOP, arena 0.00 MB
# results = operation(operands) attributes  -> type @offset in the arena, bytes  | frees values whose bytes are reused
input images f32[2, 8, 8, 3]
input labels i32[2]
conv1:
  %7, %8 = fold_batch_norm(conv1.w, conv1.gamma, conv1.beta, conv1.mean, conv1.var)  -> f32[4, 3, 3, 3] @512  -> f32[4] @960
  %10 = conv2d(images, %7, %8, -) stride 2, padding 1, relu  -> f32[2, 4, 4, 4] @0  | frees %7, %8
fc:
  %12 = global_avg_pool(%10)  -> f32[2, 4] @512
  %13 = linear(%12, fc.w, -)  -> f32[2, 3] @576
  %14, %15 = softmax_cross_entropy(%13, labels)  -> f32[] @1024  -> f32[2, 3] @640  | frees %13
loss:
  %16 = fill() 1  -> f32[] @576
fc:
  %17 = softmax_cross_entropy_grad(%16, %15, labels)  -> f32[2, 3] @704  | frees %16, %15
  d(fc.w) = linear_weight_grad(%12, %17)  -> f32[3, 4]  | frees %12
  %19 = linear_data_grad(%17, fc.w)  -> f32[2, 4] @1088  | frees %17
  %20 = global_avg_pool_grad(%19)  -> f32[2, 4, 4, 4] @512  | frees %19
conv1:
  %21, %22 = bias_relu_grad(%20, -, %10)  -> f32[2, 4, 4, 4] @512  -> f32[4] @1088  | frees %20, %10
  %23 = conv2d_weight_grad(images, %21) stride 2, padding 1  -> f32[4, 3, 3, 3] @0  | frees %21
  d(conv1.w), d(conv1.gamma), d(conv1.beta) = fold_batch_norm_grad(conv1.w, conv1.gamma, conv1.mean, conv1.var, %23, %22)  -> f32[4, 3, 3, 3]  -> f32[4]  -> f32[4]  | frees %23, %22
)";

}  // namespace

TEST_CASE("dump: the nodes of a network have names of operations.def") {
  for (const Norm norm : {Norm::folded, Norm::batch}) {
    const Net net = trained_net(DType::f32, norm);
    for (const Node& node : net.graph.nodes()) {
      CAPTURE(node.op->name());
      CHECK(std::ranges::count(kOperationNames, node.op->name()) == 1);
    }
  }
}

TEST_CASE("dump: a tiny network reads as pinned here") {
  const auto backend = plain_backend();
  Graph graph(DType::f32, Layout::dense);
  const Value images = graph.input("images", {DType::f32, {2, 8, 8, 3}, Layout::dense});
  const Value labels = graph.input("labels", {DType::i32, {2}, Layout::dense});
  const Value y = conv_norm(graph, "conv1", images, 4, 3, 2, Norm::folded, {});
  const Value x = relu(graph, y);
  graph.set_label("fc");
  const Value w = graph.parameter("fc.w", {kClasses, 4}, {});
  const Value logits = linear(graph, global_avg_pool(graph, x), w, {});
  const Value loss = softmax_cross_entropy(graph, logits, labels);
  graph.keep(loss);
  fuse_epilogues(graph);
  append_gradients(graph, loss);
  const Program program(graph, *backend, std::make_shared<Arena>(*backend));
  CHECK(program.dump() == kDump);
}
