// Replay: what a run writes, where it reads, and what it says when something is missing.
#include "engine/graph/program.h"

#include <doctest/doctest.h>

#include <numeric>

#include "tests/graph/graph_support.h"

using namespace dgsam;
using namespace dgsam::testing;

TEST_CASE("program: two runs, and two programs, give the same bits") {
  for (const bool onednn : {false, true}) {
    const auto backend = make_backend("cpu", {.threads = 2, .onednn = onednn});
    const Net net = trained_net(DType::f32, Norm::folded);
    Session session(*backend, net.graph), other(*backend, net.graph);
    session.run();
    const std::vector<double> gradients = session.gradients(), logits = session.get(net.logits);
    session.run();
    other.run();
    CHECK(session.gradients() == gradients);
    CHECK(session.get(net.logits) == logits);
    CHECK(other.gradients() == gradients);
  }
}

TEST_CASE("program: our own loops give the same bits for every number of threads") {
  const Net net = trained_net(DType::f32, Norm::batch);
  std::vector<std::vector<double>> gradients;
  for (const int threads : {1, 2, 3}) {
    const auto backend = make_backend("cpu", {.threads = threads, .onednn = false});
    Session session(*backend, net.graph);
    session.run();
    gradients.push_back(session.gradients());
  }
  CHECK(gradients[1] == gradients[0]);
  CHECK(gradients[2] == gradients[0]);
}

TEST_CASE("program: it can be run at another theta and into another gradient vector, and leaves theta alone") {
  const auto backend = plain_backend();
  const Net net = trained_net(DType::f64, Norm::folded);
  Session session(*backend, net.graph);
  FlatVector perturbed(*backend, net.graph.theta_layout(), DType::f64);
  FlatVector elsewhere(*backend, net.graph.theta_layout(), DType::f64);
  std::vector<double> theta = session.get(session.theta.all());
  std::vector<double> moved = theta;
  for (double& value : moved) value *= 1.01;
  session.set(perturbed.all(), moved);

  session.run();
  const std::vector<double> gradient = session.gradients();
  Bindings bindings = session.bindings();
  bindings.theta = &perturbed;
  bindings.gradient = &elsewhere;
  session.program.run(bindings);
  CHECK(session.gradients() == gradient);
  CHECK(difference(session.get(elsewhere.all()), gradient) > 1e-3);
  CHECK(session.get(session.theta.all()) == theta);
  CHECK(session.get(perturbed.all()) == moved);

  // Back at the first place with the other's values: the same as in the other place.
  session.set(session.theta.all(), moved);
  session.run();
  CHECK(session.gradients() == session.get(elsewhere.all()));
}

TEST_CASE("program: inputs are bound per run") {
  const auto backend = plain_backend();
  const Net net = trained_net(DType::f64, Norm::folded);
  Session a(*backend, net.graph), b(*backend, net.graph);
  const Tensor images = b.input(0);
  a.set(images, std::vector<double>(static_cast<std::size_t>(images.elements()), 0.5));
  b.run();
  // The names decide, not the order.
  std::vector<NamedInput> inputs(a.inputs.rbegin(), a.inputs.rend());
  inputs.back() = b.inputs.front();
  Bindings bindings = a.bindings();
  bindings.inputs = inputs;
  a.program.run(bindings);
  CHECK(a.gradients() == b.gradients());
}

TEST_CASE("program: kept values are readable after a run, others never") {
  const auto backend = plain_backend();
  const Net net = trained_net(DType::f64, Norm::folded);
  Session session(*backend, net.graph);
  CHECK(error_of([&] { session.program.value(net.loss); }).find("before the first run") != std::string::npos);
  session.run();
  const std::vector<double> logits = session.get(net.logits);
  const double loss = session.get(net.loss).front();
  double expected = 0;
  for (std::size_t n = 0; n < 4; ++n) {
    double total = 0;
    for (std::size_t k = 0; k < kClasses; ++k) total += std::exp(logits[n * kClasses + k]);
    expected += std::log(total) - logits[n * kClasses + (n * 2 + 1) % kClasses];
  }
  CHECK(loss == doctest::Approx(expected / 4).epsilon(1e-12));
  const Value hidden = net.graph.nodes().front().out.front();
  CHECK(error_of([&] { session.program.value(hidden); }).find("was not kept") != std::string::npos);
}

TEST_CASE("program: a missing binding is an error that says which") {
  const auto backend = plain_backend();
  const Net net = trained_net(DType::f32, Norm::batch);
  Session session(*backend, net.graph);
  const auto error_without = [&](const std::function<void(Bindings&)>& remove) {
    Bindings bindings = session.bindings();
    remove(bindings);
    return error_of([&] { session.program.run(bindings); });
  };
  CHECK(error_without([](Bindings& b) { b.theta = nullptr; }) == "a program was run without its parameters");
  CHECK(error_without([](Bindings& b) { b.gradient = nullptr; }) == "a program was run without its gradient vector");
  CHECK(error_without([](Bindings& b) { b.statistics = nullptr; }) == "a program was run without its statistics");
  CHECK(error_without([](Bindings& b) { b.running_statistics = nullptr; }) ==
        "a program that updates its statistics was run on statistics that it may not write");
  CHECK(error_without([](Bindings& b) { b.inputs = b.inputs.first(2); }) ==
        "a program was run without its input counters");
  session.inputs[1].tensor.type.shape = {5};
  CHECK(error_without([](Bindings&) {}) == "the input labels of a program is i32[4], not i32[5]");
}

TEST_CASE("program: evaluation needs no gradient vector") {
  const auto backend = plain_backend();
  const Net net = residual_net(DType::f32, Norm::folded);
  Session session(*backend, net.graph);
  Bindings bindings = session.bindings();
  bindings.gradient = nullptr;
  session.program.run(bindings);
  CHECK(std::isfinite(session.get(net.loss).front()));
}

TEST_CASE("program: two programs share one arena, which has the size of the larger") {
  const auto backend = plain_backend();
  const auto arena = std::make_shared<Arena>(*backend);
  const Net trained = trained_net(DType::f64, Norm::folded), evaluated = residual_net(DType::f64, Norm::folded);
  Session alone(*backend, trained.graph);
  alone.run();
  Session memory(*backend, trained.graph);  // for its vectors and inputs

  Program small(evaluated.graph, *backend, arena);
  small.run(memory.bindings());
  const double loss = memory.get(small.value(evaluated.loss)).front();
  Program large(trained.graph, *backend, arena);  // the arena grows after small has run in it
  CHECK(arena->bytes() == std::max(small.arena_bytes(), large.arena_bytes()));
  large.run(memory.bindings());
  CHECK(memory.gradients() == alone.gradients());
  small.run(memory.bindings());
  CHECK(memory.get(small.value(evaluated.loss)).front() == loss);
}

TEST_CASE("program: a profile counts every node's runs, work and traffic, and profiled results are the same") {
  const auto backend = plain_backend();
  const Net net = trained_net(DType::f32, Norm::folded);
  Session session(*backend, net.graph);
  session.run();
  const std::vector<double> gradients = session.gradients();
  session.program.set_profiling(true);
  session.run();
  session.run();
  CHECK(session.gradients() == gradients);

  double flops = 0, seconds = 0;
  for (std::size_t i = 0; i < net.graph.nodes().size(); ++i) {
    const Node& node = net.graph.nodes()[i];
    const NodeProfile& profile = session.program.profile()[i];
    CHECK(profile.runs == 2);
    CHECK(profile.seconds >= 0);
    flops += profile.flops;
    seconds += profile.seconds;
    std::size_t bytes = 0;
    for (const auto& values : {node.in, node.out}) {
      for (const Value value : values) bytes += value ? net.graph.type(value).bytes() : 0;
    }
    CHECK(profile.bytes == 2.0 * static_cast<double>(bytes));
  }
  CHECK(seconds > 0);
  CHECK(flops == doctest::Approx(2 * session.program.flops()));

  session.program.set_profiling(false);
  session.run();
  CHECK(session.program.profile().front().runs == 2);
}

TEST_CASE("program: FLOPs are those of convolutions and matrix products, a multiply-add counting two") {
  // stem: 4·8·8 pixels, 6·27 products; forward and weight gradient only, for the image needs no gradient.
  const Net net = trained_net(DType::f32, Norm::folded);
  const auto backend = plain_backend();
  const double stem = 2 * 4 * 64 * 6 * 27, block1 = 2 * 2 * 4 * 16 * 6 * 54;
  const double block2 = 2 * 4 * 4 * 10 * (54 + 90 + 6), head = 2 * 4 * 10 * 3;
  CHECK(Session(*backend, net.graph).program.flops() == 2 * stem + 3 * (block1 + block2 + head));
}
