#include "models/network.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/core/check.h"
#include "tests/models/networks.h"

using namespace dgsam;

namespace {

NetworkOptions evaluation(int image_size) { return {.batch = 1, .image_size = image_size, .training = false}; }

double forward_flops(const Graph& graph) {
  double flops = 0;
  for (const Node& node : graph.nodes()) flops += node.op->flops(graph.types(node.in), graph.types(node.out));
  return flops;
}

int count(const Graph& graph, const std::string& operation) {
  return static_cast<int>(std::count_if(graph.nodes().begin(), graph.nodes().end(),
                                        [&](const Node& node) { return node.op->name() == operation; }));
}

std::vector<std::string> names(const FlatLayout& layout) {
  std::vector<std::string> all;
  for (const FlatLayout::Segment& segment : layout.segments()) all.push_back(segment.name);
  return all;
}

std::string attributes(const Graph& graph, const std::string& label, const std::string& operation) {
  for (const Node& node : graph.nodes()) {
    if (node.label == label && node.op->name() == operation) return node.op->attributes();
  }
  return "none";
}

}  // namespace

TEST_CASE("parameter counts are torchvision's: resnet18 11,689,512 and resnet50 25,557,032 with 1000 classes") {
  CHECK(build_network({"resnet18", 1000}, evaluation(32)).graph.theta_layout()->parameters() == 11'689'512);
  CHECK(build_network({"resnet50", 1000}, evaluation(32)).graph.theta_layout()->parameters() == 25'557'032);
}

TEST_CASE("names, shapes and the order of parameters and buffers are those of torchvision's state_dict") {
  const auto golden = nlohmann::ordered_json::parse(
      std::ifstream(std::string(DGSAM_SOURCE_DIR) + "/tests/golden/torch/resnet_names.json"));
  for (const std::string model : {"resnet18", "resnet50"}) {
    std::vector<std::pair<std::string, nlohmann::ordered_json>> parameters, buffers;
    for (const auto& [name, shape] : golden.at(model).items()) {
      if (name.ends_with("num_batches_tracked")) continue;
      (name.find("running") == std::string::npos ? parameters : buffers).emplace_back(name, shape);
    }
    const Graph graph = build_network({model, 1000}, evaluation(32)).graph;
    for (const auto& [layout, expected] :
         {std::pair{graph.theta_layout(), parameters}, {graph.statistic_layout(), buffers}}) {
      REQUIRE(layout->segments().size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto& [name, shape] = expected[i];
        const FlatLayout::Segment& segment = layout->segments()[i];
        CHECK(segment.name == name);
        if (shape.size() == 4) CHECK(segment.shape == Shape{shape[0], shape[2], shape[3], shape[1]});
        if (shape.size() == 2) CHECK(segment.shape == Shape{shape[0], shape[1]});
        if (shape.size() == 1) CHECK(segment.shape == Shape{shape[0]});
      }
    }
  }
}

TEST_CASE("multiply-adds of a forward pass at 224x224 are torchvision's: 1.814 G and 4.089 G") {
  CHECK(forward_flops(build_network({"resnet18", 1000}, evaluation(224)).graph) / 2 ==
        doctest::Approx(1.814e9).epsilon(5e-4));
  CHECK(forward_flops(build_network({"resnet50", 1000}, evaluation(224)).graph) / 2 ==
        doctest::Approx(4.089e9).epsilon(5e-4));
}

TEST_CASE("the order of parameters is that of torchvision's state_dict: a block's downsample comes last") {
  const Network network = build_network(tiny_bottleneck(), 5, small_options(1));
  CHECK(names(*network.graph.theta_layout()) == std::vector<std::string>{"conv1.weight",
                                                                         "bn1.weight",
                                                                         "bn1.bias",
                                                                         "layer1.0.conv1.weight",
                                                                         "layer1.0.bn1.weight",
                                                                         "layer1.0.bn1.bias",
                                                                         "layer1.0.conv2.weight",
                                                                         "layer1.0.bn2.weight",
                                                                         "layer1.0.bn2.bias",
                                                                         "layer1.0.conv3.weight",
                                                                         "layer1.0.bn3.weight",
                                                                         "layer1.0.bn3.bias",
                                                                         "layer1.0.downsample.0.weight",
                                                                         "layer1.0.downsample.1.weight",
                                                                         "layer1.0.downsample.1.bias",
                                                                         "layer2.0.conv1.weight",
                                                                         "layer2.0.bn1.weight",
                                                                         "layer2.0.bn1.bias",
                                                                         "layer2.0.conv2.weight",
                                                                         "layer2.0.bn2.weight",
                                                                         "layer2.0.bn2.bias",
                                                                         "layer2.0.conv3.weight",
                                                                         "layer2.0.bn3.weight",
                                                                         "layer2.0.bn3.bias",
                                                                         "layer2.0.downsample.0.weight",
                                                                         "layer2.0.downsample.1.weight",
                                                                         "layer2.0.downsample.1.bias",
                                                                         "fc.weight",
                                                                         "fc.bias"});
  CHECK(network.graph.statistic_layout()->segments().front().name == "bn1.running_mean");
  CHECK(network.graph.statistic_layout()->segments().back().name == "layer2.0.downsample.1.running_var");
}

TEST_CASE("the MNIST CNN has the names and shapes of DomainBed's, and a classifier") {
  const Network network = build_network({"mnist-cnn", 10, 2}, {.batch = 2, .image_size = 28});
  const FlatLayout& theta = *network.graph.theta_layout();
  CHECK(names(theta) == std::vector<std::string>{"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias",
                                                 "conv3.weight", "conv3.bias", "conv4.weight", "conv4.bias",
                                                 "bn0.weight", "bn0.bias", "bn1.weight", "bn1.bias", "bn2.weight",
                                                 "bn2.bias", "bn3.weight", "bn3.bias", "classifier.weight",
                                                 "classifier.bias"});
  CHECK(theta.find("conv1.weight")->shape == Shape{64, 3, 3, 2});
  CHECK(theta.find("conv2.weight")->shape == Shape{128, 3, 3, 64});
  CHECK(theta.find("bn0.weight")->shape == Shape{64});
  CHECK(theta.find("classifier.weight")->shape == Shape{10, 128});
  CHECK(network.graph.statistic_layout()->segments().empty());
  CHECK(attributes(network.graph, "conv2", "conv2d").starts_with("stride 2, padding 1"));
}

TEST_CASE("inputs, parameters and statistics depend on no option, so that one vector serves all programs") {
  const Network trained = build_network(tiny_basic(), 5, small_options(4, BatchNormMode::batch));
  for (const bool training : {true, false}) {
    for (const BatchNormMode mode : {BatchNormMode::frozen, BatchNormMode::batch}) {
      NetworkOptions options = small_options(3, mode);
      options.training = training;
      options.dropout = 0.5;
      options.compile.fuse = training;
      const Network other = build_network(tiny_basic(), 5, options);
      CHECK(*other.graph.theta_layout() == *trained.graph.theta_layout());
      CHECK(*other.graph.statistic_layout() == *trained.graph.statistic_layout());
      CHECK(other.graph.inputs() == std::vector<Value>{other.images, other.labels, other.counters});
      CHECK(other.graph.type(other.images) == Type{DType::f64, {3, 32, 32, 3}, Layout::dense});
      CHECK(other.graph.type(other.labels) == Type{DType::i32, {3}, Layout::dense});
      CHECK(other.graph.type(other.counters) == Type{DType::i64, {kStepCounters}, Layout::dense});
      CHECK(other.graph.type(other.logits).shape == Shape{3, 5});
    }
  }
}

TEST_CASE("the bottleneck's stride is on its 3x3 convolution, and on the shortcut") {
  const Graph graph = build_network({"resnet50", 7}, evaluation(64)).graph;
  CHECK(attributes(graph, "layer2.0.conv1", "conv2d").starts_with("stride 1, padding 0"));
  CHECK(attributes(graph, "layer2.0.conv2", "conv2d").starts_with("stride 2, padding 1"));
  CHECK(attributes(graph, "layer2.0.downsample.0", "conv2d").starts_with("stride 2, padding 0"));
  CHECK(attributes(graph, "layer1.0.downsample.0", "conv2d").starts_with("stride 1, padding 0"));
  CHECK(attributes(graph, "conv1", "conv2d").starts_with("stride 2, padding 3"));
}

TEST_CASE("with frozen batch norm, ReLU and residual sums all end up inside convolutions") {
  const Graph forward = build_network({"resnet50", 7}, evaluation(64)).graph;
  CHECK(count(forward, "conv2d") == 53);
  CHECK(count(forward, "relu") == 0);
  CHECK(count(forward, "add") == 0);
  NetworkOptions unfused = evaluation(64);
  unfused.compile.fuse = false;
  CHECK(count(build_network({"resnet50", 7}, unfused).graph, "relu") == 49);
  // A gradient that arrives from two sides is summed where it is masked; only the max pool's output has no mask.
  CHECK(count(build_network({"resnet50", 7}, {.batch = 1, .image_size = 64}).graph, "add") == 1);
}

TEST_CASE("31 of ResNet-50's ReLUs are differentiated within a product, 15 of them by a mask") {
  NetworkOptions options{.batch = 1, .image_size = 64, .compile = {.relu_mask_bits = 128}};
  const Graph graph = build_network({"resnet50", 7}, options).graph;
  CHECK(count(graph, "conv2d_data_grad_relu") == 31);
  // One for each ReLU that is left, and one for the last bias; the other convolutions' are shared.
  CHECK(count(graph, "bias_relu_grad") == 49 - 31 + 1);
  int written = 0, read = 0, sums = 0;
  for (const Node& node : graph.nodes()) {
    if (node.op->name() == "conv2d") written += node.out.size() == 2;
    if (node.op->name() != "conv2d_data_grad_relu") continue;
    sums += static_cast<bool>(node.in[2]);
    if (!node.in[4]) continue;
    ++read;
    const Type &x = graph.type(node.in[3]), &mask = graph.type(node.in[4]);
    CHECK(mask == Type{DType::u8, {x.elements() / x.shape[3], x.shape[3] / 8}});
  }
  CHECK(written == 15);
  CHECK(read == 15);
  CHECK(sums == 15);
  options.compile.fuse = false;
  CHECK(count(build_network({"resnet50", 7}, options).graph, "conv2d_data_grad_relu") == 0);
}

TEST_CASE("on the CPU no bit depends on whether ReLUs are differentiated within a product") {
  const auto backend = plain_backend();
  NetworkOptions options = small_options(2);
  ResNetSpec spec = tiny_bottleneck();
  spec.blocks = {2, 2};
  RunningNetwork apart(*backend, build_network(spec, 5, options));
  options.compile.relu_mask_bits = 128;
  RunningNetwork fused(*backend, build_network(spec, 5, options));
  CHECK(count(fused.graph(), "conv2d_data_grad_relu") == 7);
  for (RunningNetwork* network : {&apart, &fused}) scatter_batch_norms(*network, *backend);
  CHECK(fused.run() == apart.run());
  CHECK(fused.downloaded(fused.gradient.all()) == apart.downloaded(apart.gradient.all()));
}

TEST_CASE("evaluation has neither dropout nor gradients nor batch statistics, whatever training has") {
  NetworkOptions options = small_options(2, BatchNormMode::batch);
  options.dropout = 0.5;
  CHECK(count(build_network(tiny_basic(), 5, options).graph, "batch_norm") == 12);
  CHECK(count(build_network(tiny_basic(), 5, options).graph, "dropout") == 2);
  options.training = false;
  const Graph graph = build_network(tiny_basic(), 5, options).graph;
  CHECK(count(graph, "batch_norm") == 0);
  CHECK(count(graph, "dropout") == 0);
  CHECK(graph.nodes().back().op->name() == "softmax_cross_entropy");
}

TEST_CASE("fused and unfused networks agree to rounding, shared and private memory to the bit") {
  const auto backend = plain_backend();
  for (const auto& spec : {tiny_basic(), tiny_bottleneck()}) {
    for (const BatchNormMode mode : {BatchNormMode::frozen, BatchNormMode::batch}) {
      NetworkOptions options = small_options(3, mode);
      RunningNetwork fused(*backend, build_network(spec, 5, options));
      RunningNetwork apart(*backend, build_network(spec, 5, options), MemoryMode::all_private);
      options.compile.fuse = false;
      RunningNetwork unfused(*backend, build_network(spec, 5, options));
      for (RunningNetwork* network : {&fused, &apart, &unfused}) scatter_batch_norms(*network, *backend);
      const double loss = fused.run();
      CHECK(std::isfinite(loss));
      CHECK(apart.run() == loss);
      CHECK(unfused.run() == doctest::Approx(loss).epsilon(1e-12));
      const std::vector<double> g = fused.downloaded(fused.gradient.all());
      CHECK(apart.downloaded(apart.gradient.all()) == g);
      const std::vector<double> h = unfused.downloaded(unfused.gradient.all());
      double difference = 0, norm = 0;
      for (std::size_t i = 0; i < g.size(); ++i) {
        difference += (g[i] - h[i]) * (g[i] - h[i]);
        norm += g[i] * g[i];
      }
      CHECK(norm > 0);
      CHECK(std::sqrt(difference / norm) < 1e-11);
    }
  }
}

TEST_CASE("an evaluation network gives the logits and loss of the training network with frozen batch norm") {
  const auto backend = plain_backend();
  NetworkOptions options = small_options(3);
  RunningNetwork training(*backend, build_network(tiny_bottleneck(), 5, options));
  options.training = false;
  options.batch_norm = BatchNormMode::batch;
  RunningNetwork evaluated(*backend, build_network(tiny_bottleneck(), 5, options));
  for (RunningNetwork* network : {&training, &evaluated}) scatter_batch_norms(*network, *backend);
  CHECK(training.run() == evaluated.run());
  CHECK(training.logits() == evaluated.logits());
}

TEST_CASE("wrong models and sizes are refused with what to do") {
  CHECK_THROWS_WITH_AS(build_network({"resnet34", 7}, evaluation(32)),
                       "unknown model \"resnet34\"; use resnet18, resnet50 or mnist-cnn", Error);
  CHECK_THROWS_AS(build_network({"resnet18", 1}, evaluation(32)), Error);
  CHECK_THROWS_AS(build_network({"resnet18", 7, 0}, evaluation(32)), Error);
  CHECK_THROWS_AS(build_network({"resnet18", 7}, evaluation(0)), Error);
  CHECK_THROWS_AS(build_network({"resnet18", 7}, {.batch = 0}), Error);
  CHECK_THROWS_AS(build_network({"resnet18", 7}, {.dropout = 1}), Error);
  CHECK_THROWS_AS(build_network({.blocks = {1, 1}, .planes = {16}}, 7, evaluation(32)), Error);
  CHECK_NOTHROW(build_network({"resnet18", 7}, evaluation(1)));
}
