// The rewrites: what they join, what they leave alone, and that results stay what they were.
#include <doctest/doctest.h>

#include "engine/graph/ops/bias_relu_grad.h"
#include "engine/graph/ops/conv2d.h"
#include "tests/graph/graph_support.h"

using namespace dgsam;
using namespace dgsam::testing;

namespace {

/// Two convolutions y and z of one image, for epilogues to be hung on.
struct TwoConvolutions {
  Graph graph{DType::f64, Layout::dense};
  Value x = graph.input("x", {DType::f64, {2, 5, 4, 3}, Layout::dense});
  Value y = conv("y"), z = conv("z");

  Value conv(const std::string& name) {
    return conv2d(graph, x, graph.parameter(name, {3, 3, 3, 3}, {}), {}, {}, {.stride = 1, .padding = 1});
  }
  std::map<std::string, int> fused() {
    fuse_epilogues(graph);
    return count_ops(graph);
  }
};

using Count = std::map<std::string, int>;

const Conv2d& last_conv(const Graph& graph) { return dynamic_cast<const Conv2d&>(*graph.nodes().back().op); }

}  // namespace

TEST_CASE("fuse: relu(conv) becomes one convolution") {
  TwoConvolutions net;
  const Value out = relu(net.graph, net.z);
  CHECK(net.fused() == Count{{"conv2d", 2}});
  CHECK(last_conv(net.graph).spec().relu);
  CHECK(net.graph.nodes().back().out.front() == out);
}

TEST_CASE("fuse: relu(conv + z) becomes one convolution, whichever operand the convolution is") {
  for (const bool first : {true, false}) {
    TwoConvolutions net;
    // x is the other operand: it has the shape of the result.
    const Value sum = first ? add(net.graph, net.z, net.x) : add(net.graph, net.x, net.z);
    const Value out = relu(net.graph, sum);
    CHECK(net.fused() == Count{{"conv2d", 2}});
    const Node& node = net.graph.nodes().back();
    CHECK(last_conv(net.graph).spec().relu);
    CHECK(node.in[Conv2d::kResidual] == net.x);
    CHECK(node.out.front() == out);
  }
}

TEST_CASE("fuse: of a sum of two convolutions one reads the other as its residual") {
  TwoConvolutions net;
  relu(net.graph, add(net.graph, net.y, net.z));
  CHECK(net.fused() == Count{{"conv2d", 2}});
  const Node &early = net.graph.nodes().front(), &late = net.graph.nodes().back();
  CHECK(late.in[Conv2d::kResidual] == early.out.front());
}

TEST_CASE("fuse: a sum that is used elsewhere or kept stays") {
  SUBCASE("used elsewhere") {
    TwoConvolutions net;
    const Value sum = add(net.graph, net.z, net.x);
    relu(net.graph, sum);
    add(net.graph, sum, net.x);
    const Count count = net.fused();
    // The sum itself joins its convolution; the ReLU cannot, because the sum is read without it.
    CHECK(count == Count{{"conv2d", 2}, {"relu", 1}, {"add", 1}});
  }
  SUBCASE("kept") {
    TwoConvolutions net;
    const Value sum = add(net.graph, net.z, net.x);
    relu(net.graph, sum);
    net.graph.keep(sum);
    CHECK(net.fused() == Count{{"conv2d", 2}, {"relu", 1}});
  }
  SUBCASE("the convolution's own result is kept") {
    TwoConvolutions net;
    relu(net.graph, add(net.graph, net.z, net.x));
    net.graph.keep(net.z);
    CHECK(net.fused() == Count{{"conv2d", 2}, {"relu", 1}, {"add", 1}});
  }
}

TEST_CASE("fuse: nothing is hung behind a ReLU, and a convolution takes one residual") {
  TwoConvolutions net;
  const Value rectified = relu(net.graph, net.z);
  add(net.graph, add(net.graph, net.y, net.x), rectified);
  CHECK(net.fused() == Count{{"conv2d", 2}, {"add", 1}});
  CHECK_FALSE(net.graph.nodes().back().op->name() == "conv2d");
}

TEST_CASE("fuse: twice the same convolution is no residual of itself") {
  TwoConvolutions net;
  add(net.graph, net.z, net.z);
  CHECK(net.fused() == Count{{"conv2d", 2}, {"add", 1}});
}

TEST_CASE("fuse: a residual block's sum of gradients moves into the ReLU's gradient") {
  Net net = residual_net(DType::f64, Norm::folded);
  fuse_epilogues(net.graph);
  append_gradients(net.graph, net.loss);
  const int sums = count_ops(net.graph)["add"];
  CHECK(sums == 2);  // where the blocks' inputs branch: the max pool's result and block1's result
  fuse_gradient_sums(net.graph);
  // The max pool's gradient takes one operand: its sum stays.
  CHECK(count_ops(net.graph)["add"] == 1);
  int with_two = 0;
  for (const Node& node : net.graph.nodes()) {
    if (node.op->name() == "bias_relu_grad" && node.in[BiasReluGradOp::kDy2]) ++with_two;
  }
  CHECK(with_two == 1);
}

TEST_CASE("fuse: a sum that is a parameter's gradient as well is not taken away") {
  // z = relu(x·wᵀ) + p is used twice: dz is a sum, is p's gradient, and is what flows into the ReLU.
  const auto backend = plain_backend();
  const auto gradients = [&](bool fuse) {
    Graph graph(DType::f64, Layout::dense);
    const Value x = graph.input("x", {DType::f64, {4, 5}, Layout::dense});
    const Value labels = graph.input("labels", {DType::i32, {4}, Layout::dense});
    const Value h = relu(graph, linear(graph, x, graph.parameter("w", {kClasses, 5}, {}), {}));
    const Value z = add(graph, h, graph.parameter("p", {4, kClasses}, {}));
    const Value loss = softmax_cross_entropy(graph, add(graph, relu(graph, z), z), labels);
    append_gradients(graph, loss);
    if (fuse) fuse_gradient_sums(graph);
    Session session(*backend, graph);
    session.run();
    return session.gradients();
  };
  CHECK(gradients(true) == gradients(false));
}

TEST_CASE("fuse: fused equals unfused to rounding, values and gradients, in f64 and f32") {
  const auto backend = plain_backend();
  for (const Norm norm : {Norm::folded, Norm::batch}) {
    for (const auto& [dtype, tolerance] : {std::pair{DType::f64, 1e-13}, std::pair{DType::f32, 1e-5}}) {
      const Net fused = trained_net(dtype, norm, true), unfused = trained_net(dtype, norm, false);
      CHECK(fused.graph.nodes().size() < unfused.graph.nodes().size());
      Session a(*backend, fused.graph), b(*backend, unfused.graph);
      a.run();
      b.run();
      CHECK(difference(a.get(fused.logits), b.get(unfused.logits)) < tolerance);
      CHECK(difference(a.get(fused.loss), b.get(unfused.loss)) < tolerance);
      for (const FlatLayout::Segment& segment : a.gradient.layout().segments()) {
        CHECK_MESSAGE(difference(a.gradient_of(segment.name), b.gradient_of(segment.name)) < tolerance, segment.name);
      }
    }
  }
}

TEST_CASE("gather: folds come first and their gradients last, and no bit changes") {
  const auto backend = plain_backend();
  const Net net = trained_net(DType::f32, Norm::folded);
  Graph gathered = net.graph;
  gather_folds(gathered);
  const std::vector<Node>& nodes = gathered.nodes();
  CHECK(nodes.front().op->name() == "fold_batch_norm");
  CHECK(nodes.back().op->name() == "fold_batch_norm_grad");
  CHECK(nodes.size() == net.graph.nodes().size());
  CHECK(nodes[1].op->name() == "fold_batch_norm");
  CHECK(nodes[nodes.size() - 2].op->name() == "fold_batch_norm_grad");
  Session one_by_one(*backend, net.graph), together(*backend, gathered);
  one_by_one.run();
  together.run();
  CHECK(together.gradients() == one_by_one.gradients());
}

TEST_CASE("share: two convolutions that are added up have one bias gradient, and no bit changes") {
  const auto backend = plain_backend();
  const Net net = trained_net(DType::f32, Norm::folded);
  Graph shared = net.graph;
  share_bias_gradients(shared);
  CHECK(count_ops(shared).at("bias_relu_grad") == count_ops(net.graph).at("bias_relu_grad") - 1);  // block2's shortcut
  Session each(*backend, net.graph), together(*backend, shared);
  each.run();
  together.run();
  CHECK(together.gradients() == each.gradients());
}
