// append_gradients: what arrives at a parameter, and what is refused.
#include <doctest/doctest.h>

#include "engine/gradcheck/gradient_check.h"
#include "tests/graph/graph_support.h"

using namespace dgsam;
using namespace dgsam::testing;

namespace {

/// A graph with one matrix input x [4,5] and labels, in f64.
struct Small {
  Graph graph{DType::f64, Layout::dense};
  Value x = graph.input("x", {DType::f64, {4, 5}, Layout::dense});
  Value labels = graph.input("labels", {DType::i32, {4}, Layout::dense});

  Value weights(const std::string& name, std::int64_t out, std::int64_t in) {
    return graph.parameter(name, {out, in}, {});
  }
  Session trained(Backend& backend, Value logits) {
    const Value loss = softmax_cross_entropy(graph, logits, labels);
    graph.keep(loss);
    append_gradients(graph, loss);
    return Session(backend, graph);
  }
};

std::vector<double> sum(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

}  // namespace

TEST_CASE("autograd: a value that feeds two paths gets the sum of their gradients") {
  // x·wᵀ = h feeds relu(h) and h itself; then both meet again: a diamond with a known Jacobian.
  const auto backend = plain_backend();
  Small diamond;
  const Value h = linear(diamond.graph, diamond.x, diamond.weights("w", kClasses, 5), {});
  Session both = diamond.trained(*backend, add(diamond.graph, relu(diamond.graph, h), h));
  both.run();

  // The same loss where the two paths have weights of their own, which hold the same values.
  Small apart;
  const Value left = linear(apart.graph, apart.x, apart.weights("left", kClasses, 5), {});
  const Value right = linear(apart.graph, apart.x, apart.weights("right", kClasses, 5), {});
  Session two = apart.trained(*backend, add(apart.graph, relu(apart.graph, left), right));
  for (const char* name : {"left", "right"}) {
    two.set(two.theta.segment(*two.theta.layout().find(name)), both.get(both.theta.segment(0)));
  }
  two.run();
  CHECK(difference(two.gradient_of("left"), two.gradient_of("right")) > 0.1);
  CHECK(difference(both.gradient_of("w"), sum(two.gradient_of("left"), two.gradient_of("right"))) < 1e-14);
}

TEST_CASE("autograd: a parameter that is used twice gets the sum of its uses' gradients") {
  const auto backend = plain_backend();
  Small shared;
  const Value w = shared.weights("w", 5, 5);
  const Value once = relu(shared.graph, linear(shared.graph, shared.x, w, {}));
  Session one = shared.trained(*backend, linear(shared.graph, once, w, {}));
  one.run();

  Small apart;
  const Value first = relu(apart.graph, linear(apart.graph, apart.x, apart.weights("first", 5, 5), {}));
  Session two = apart.trained(*backend, linear(apart.graph, first, apart.weights("second", 5, 5), {}));
  for (const char* name : {"first", "second"}) {
    two.set(two.theta.segment(*two.theta.layout().find(name)), one.get(one.theta.segment(0)));
  }
  two.run();
  CHECK(difference(one.gradient_of("w"), sum(two.gradient_of("first"), two.gradient_of("second"))) < 1e-14);
}

TEST_CASE("autograd: a value that is added to itself gets twice the gradient") {
  CheckedGraph checked;
  const Value x = relu(checked.graph(), checked.parameter("x", {3, 4}, Draw::away_from_zero));
  const Value loss = checked.reduce(add(checked.graph(), x, x));
  CHECK(passed(check_gradients(*plain_backend(), std::move(checked), loss)));
}

TEST_CASE("autograd: a parameter that the loss does not reach is an error that names it") {
  Small small;
  const Value logits = linear(small.graph, small.x, small.weights("used", kClasses, 5), {});
  small.weights("layer9.unused", 2, 5);
  const Value loss = softmax_cross_entropy(small.graph, logits, small.labels);
  const std::string error = error_of([&] { append_gradients(small.graph, loss); });
  CHECK(error.find("layer9.unused") != std::string::npos);
}

TEST_CASE("autograd: a loss that is not a scalar is refused") {
  Small small;
  const Value logits = linear(small.graph, small.x, small.weights("w", kClasses, 5), {});
  CHECK(error_of([&] { append_gradients(small.graph, logits); }).find("f64[4, 3]") != std::string::npos);
}

TEST_CASE("autograd: no gradient is computed for what no parameter feeds") {
  // The first convolution's image needs no gradient, the second one's does.
  const Net net = trained_net(DType::f32, Norm::folded);
  const auto count = count_ops(net.graph);
  CHECK(count.at("conv2d") == 6);
  CHECK(count.at("conv2d_weight_grad") == 6);
  CHECK(count.at("conv2d_data_grad") == 5);
}

TEST_CASE("autograd: gradients land in the gradient vector and carry their layer's label") {
  const Net net = trained_net(DType::f32, Norm::batch);
  int bound = 0;
  for (const Node& node : net.graph.nodes()) {
    for (const Value out : node.out) {
      if (!out || net.graph.info(out).space != Space::gradient) continue;
      ++bound;
      const std::string& name =
          net.graph.theta_layout()->segments()[static_cast<std::size_t>(net.graph.info(out).slot)].name;
      CHECK_MESSAGE(name.starts_with(node.label + "."), name, " is computed under ", node.label);
    }
  }
  CHECK(bound == static_cast<int>(net.graph.parameters().size()));
}
