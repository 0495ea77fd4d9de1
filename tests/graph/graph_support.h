// Graphs to test with, and a program with memory and values for everything it is bound to.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/rng.h"
#include "engine/graph/fuse.h"
#include "engine/graph/gradients.h"
#include "engine/graph/ops.h"
#include "engine/graph/program.h"
#include "engine/make_backend.h"

namespace dgsam::testing {

constexpr std::int64_t kClasses = 3;

/// Our own loops: they take every type and allocate nothing.
inline std::unique_ptr<Backend> plain_backend() { return make_backend("cpu", {.threads = 2, .onednn = false}); }

/// How many nodes of each operation a graph has.
inline std::map<std::string, int> count_ops(const Graph& graph) {
  std::map<std::string, int> count;
  for (const Node& node : graph.nodes()) ++count[node.op->name()];
  return count;
}

/// Convolution and normalisation, one way or the other.
enum class Norm : std::uint8_t { folded, batch };

/// conv + norm with parameters `name`.w, .gamma, .beta and statistics .mean, .var.
inline Value conv_norm(Graph& graph, const std::string& name, Value x, std::int64_t out, int kernel, int stride,
                       Norm norm, Value counters) {
  using Kind = Init::Kind;
  graph.set_label(name);
  const std::int64_t in = graph.type(x).shape[3];
  const double scale = std::sqrt(2.0 / static_cast<double>(kernel * kernel * in));
  const Value w = graph.parameter(name + ".w", {out, kernel, kernel, in}, {Kind::normal, scale});
  const Value gamma = graph.parameter(name + ".gamma", {out}, {Kind::constant, 1});
  const Value beta = graph.parameter(name + ".beta", {out}, {Kind::constant, 0});
  const Value mean = graph.statistic(name + ".mean", {out}, 0), var = graph.statistic(name + ".var", {out}, 1);
  const Conv2dSpec spec{.stride = stride, .padding = kernel / 2};
  if (norm == Norm::folded) {
    const FoldedWeights folded = fold_batch_norm(graph, w, gamma, beta, mean, var, 1e-5);
    return conv2d(graph, x, folded.w, folded.b, {}, spec);
  }
  return batch_norm(graph, conv2d(graph, x, w, {}, {}, spec), gamma, beta, mean, var, counters, {});
}

struct Net {
  Graph graph;
  Value logits, loss;
};

/// A small ResNet on 8x8 images without gradients: stem, max pool, an identity block and a strided one, head.
inline Net residual_net(DType activation, Norm norm, std::int64_t batch = 4) {
  Net net{Graph(activation, Layout::dense), {}, {}};
  Graph& graph = net.graph;
  const Value images = graph.input("images", {activation, {batch, 8, 8, 3}, Layout::dense});
  const Value labels = graph.input("labels", {DType::i32, {batch}, Layout::dense});
  const Value counters = graph.input("counters", {DType::i64, {kStepCounters}, Layout::dense});
  const auto conv = [&](const std::string& name, Value x, std::int64_t out, int kernel, int stride) {
    return conv_norm(graph, name, x, out, kernel, stride, norm, counters);
  };
  Value x = max_pool(graph, relu(graph, conv("stem", images, 6, 3, 1)), {.kernel = 3, .stride = 2, .padding = 1});
  const Value y = conv("block1.conv2", relu(graph, conv("block1.conv1", x, 6, 3, 1)), 6, 3, 1);
  x = relu(graph, add(graph, y, x));
  const Value z = conv("block2.conv2", relu(graph, conv("block2.conv1", x, 10, 3, 2)), 10, 3, 1);
  x = relu(graph, add(graph, z, conv("block2.shortcut", x, 10, 1, 2)));
  graph.set_label("fc");
  const Value pooled = dropout(graph, global_avg_pool(graph, x), counters, {.p = 0.2, .layer = 0});
  net.logits = linear(graph, pooled, graph.parameter("fc.w", {kClasses, 10}, {Init::Kind::uniform, 0.5}),
                      graph.parameter("fc.b", {kClasses}, {Init::Kind::uniform, 0.5}));
  net.loss = softmax_cross_entropy(graph, net.logits, labels);
  graph.keep(net.logits);
  graph.keep(net.loss);
  return net;
}

/// residual_net with gradients, and with the rewrites if wanted.
inline Net trained_net(DType activation, Norm norm, bool fuse = true) {
  Net net = residual_net(activation, norm);
  if (fuse) fuse_epilogues(net.graph);
  append_gradients(net.graph, net.loss);
  if (fuse) fuse_gradient_sums(net.graph);
  return net;
}

/// A program and everything it is bound to, filled with values that depend on names and shapes alone.
class Session {
 public:
  Session(Backend& backend, const Graph& graph, MemoryMode mode = MemoryMode::shared)
      : program(graph, backend, std::make_shared<Arena>(backend), mode),
        theta(backend, graph.theta_layout(), graph.master()),
        gradient(backend, graph.theta_layout(), graph.master()),
        statistics(backend, graph.statistic_layout(), graph.master()),
        backend_(backend) {
    for (const Value parameter : graph.parameters()) {
      const ValueInfo& info = graph.info(parameter);
      const bool gamma = info.name.ends_with("gamma");
      const double scale = gamma || info.name.ends_with("beta") ? 0.2 : weight_scale(info.type.shape);
      set(theta.segment(info.slot), random(info.name, info.type.elements(), gamma ? 1 : 0, scale));
    }
    for (const FlatLayout::Segment& segment : graph.statistic_layout()->segments()) {
      std::vector<double> values = random(segment.name, segment.shape.elements(), 0, 0.3);
      if (segment.name.ends_with("var")) {
        for (double& value : values) value = 0.8 + std::abs(value);
      }
      set(statistics.segment(segment), values);
    }
    for (const Value input : program.graph().inputs()) {
      const ValueInfo& info = program.graph().info(input);
      buffers_.emplace_back(backend, info.type.bytes());
      const Tensor tensor{buffers_.back().data(), info.type};
      inputs.push_back({info.name, tensor});
      std::vector<double> values = random(info.name, info.type.elements(), 0, 1);
      if (info.type.dtype == DType::i32) {
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>((i * 2 + 1) % kClasses);
      }
      if (info.type.dtype == DType::i64) values = {17, 3, 0};
      set(tensor, values);
    }
  }

  Bindings bindings() {
    return {.theta = &theta,
            .gradient = &gradient,
            .statistics = &statistics,
            .running_statistics = &statistics,
            .inputs = inputs};
  }
  void run() { program.run(bindings()); }
  /// Input number `slot`.
  Tensor input(std::size_t slot) {
    return {buffers_[slot].data(), program.graph().type(program.graph().inputs()[slot])};
  }

  void set(Tensor to, const std::vector<double>& values) {
    const auto upload = [&]<class T>(T) {
      std::vector<T> host(values.size());
      std::transform(values.begin(), values.end(), host.begin(), [](double value) { return static_cast<T>(value); });
      backend_.upload(to, host.data());
    };
    switch (to.dtype()) {
      case DType::f64:
        return upload(double{});
      case DType::f32:
        return upload(float{});
      case DType::i32:
        return upload(std::int32_t{});
      case DType::i64:
        return upload(std::int64_t{});
      default:
        fail("a test set a tensor of ", to.type.text());
    }
  }
  std::vector<double> get(ConstTensor from) {
    std::vector<double> values(static_cast<std::size_t>(from.elements()));
    if (from.dtype() == DType::f64) {
      backend_.download(values.data(), from);
    } else {
      std::vector<float> host(values.size());
      require(from.dtype() == DType::f32, "a test read a tensor of ", from.type.text());
      backend_.download(host.data(), from);
      std::copy(host.begin(), host.end(), values.begin());
    }
    return values;
  }
  std::vector<double> get(Value value) { return get(program.value(value)); }
  /// All gradients, or one parameter's.
  std::vector<double> gradients() { return get(gradient.all()); }
  std::vector<double> gradient_of(const std::string& name) {
    const FlatLayout::Segment* segment = gradient.layout().find(name);
    require(segment != nullptr, "no parameter ", name);
    return get(gradient.segment(*segment));
  }

  Program program;
  FlatVector theta, gradient, statistics;
  std::vector<NamedInput> inputs;

 private:
  static double weight_scale(const Shape& shape) {
    return shape.rank() < 2 ? 0.5
                            : std::sqrt(2.0 * static_cast<double>(shape[0]) / static_cast<double>(shape.elements()));
  }
  static std::vector<double> random(const std::string& name, std::int64_t count, double mean, double deviation) {
    RandomStream stream(1, name);
    std::vector<double> values(static_cast<std::size_t>(count));
    for (double& value : values) value = mean + deviation * stream.normal();
    return values;
  }

  Backend& backend_;
  std::vector<Buffer> buffers_;
};

/// The largest |a - b| over the largest |b|.
inline double difference(const std::vector<double>& a, const std::vector<double>& b) {
  require(a.size() == b.size(), "a test compared ", a.size(), " values with ", b.size());
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::isnan(a[i] - b[i]) ? INFINITY : std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return worst == 0 ? 0 : worst / largest;
}

/// The message of the Error that `action` throws; empty when it throws none.
inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace dgsam::testing
