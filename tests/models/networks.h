// Small networks, and a network with everything that it needs to run.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "engine/core/rng.h"
#include "engine/graph/program.h"
#include "engine/make_backend.h"
#include "models/network.h"
#include "models/parameters.h"

namespace dgsam {

inline ResNetSpec tiny_basic() {
  return {.block = ResNetSpec::Block::basic, .blocks = {1, 1, 1, 1}, .planes = {16, 32, 48, 64}, .stem = 16};
}

inline ResNetSpec tiny_bottleneck() {
  return {.block = ResNetSpec::Block::bottleneck, .blocks = {1, 1}, .planes = {8, 16}, .stem = 16};
}

/// The CPU backend without libraries.
inline std::unique_ptr<Backend> plain_backend() { return make_backend("cpu", {.threads = 2, .onednn = false}); }

/// Double precision, a few images of 32x32.
inline NetworkOptions small_options(int batch, BatchNormMode mode = BatchNormMode::frozen) {
  return {.batch = batch, .image_size = 32, .activation = DType::f64, .batch_norm = mode};
}

/// A double-precision network with parameters, statistics, images and labels.
class RunningNetwork {
 public:
  RunningNetwork(Backend& backend, Network network, MemoryMode memory = MemoryMode::shared)
      : theta(backend, network.graph.theta_layout(), DType::f64),
        gradient(backend, network.graph.theta_layout(), DType::f64),
        statistics(backend, network.graph.statistic_layout(), DType::f64),
        backend_(backend),
        loss_(network.loss),
        logits_(network.logits),
        program_(std::move(network.graph), backend, std::make_shared<Arena>(backend), memory) {
    initialise(program_.graph(), backend, theta, 1);
    initialise_statistics(program_.graph(), backend, statistics);
    RandomStream random(5, "inputs");
    const Graph& graph = program_.graph();
    for (const Value input : graph.inputs()) {
      const ValueInfo& info = graph.info(input);
      buffers_.emplace_back(backend, info.type.bytes());
      inputs_.push_back({info.name, {buffers_.back().data(), info.type}});
    }
    const Tensor images{buffers_[0].data(), inputs_[0].tensor.type}, labels{buffers_[1].data(), inputs_[1].tensor.type};
    std::vector<double> pixels(static_cast<std::size_t>(images.elements()));
    for (double& pixel : pixels) pixel = random.normal();
    std::vector<std::int32_t> classes(static_cast<std::size_t>(labels.elements()));
    for (std::int32_t& label : classes) {
      label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(graph.type(logits_).shape.last())));
    }
    backend.upload(images, pixels.data());
    backend.upload(labels, classes.data());
  }

  /// One pass at the current parameters; fills `gradient` when the network has gradients. Returns the loss.
  double run() {
    program_.run({&theta, &gradient, &statistics, &statistics, inputs_});
    return downloaded(program_.value(loss_)).front();
  }
  std::vector<double> logits() const { return downloaded(program_.value(logits_)); }
  std::vector<double> downloaded(ConstTensor tensor) const {
    std::vector<double> values(static_cast<std::size_t>(tensor.elements()));
    backend_.download(values.data(), tensor);
    return values;
  }
  const Graph& graph() const { return program_.graph(); }

  FlatVector theta, gradient, statistics;

 private:
  Backend& backend_;
  Value loss_, logits_;
  Program program_;
  std::vector<Buffer> buffers_;
  std::vector<NamedInput> inputs_;
};

/// Gives the statistics, gammas and betas of batch norms values that no term of a formula can hide behind.
inline void scatter_batch_norms(RunningNetwork& network, Backend& backend) {
  for (FlatVector* vector : {&network.theta, &network.statistics}) {
    for (const FlatLayout::Segment& segment : vector->layout().segments()) {
      if (segment.shape.rank() != 1 || segment.name.starts_with("fc.")) continue;
      RandomStream random(11, segment.name);
      std::vector<double> values(static_cast<std::size_t>(segment.shape.elements()));
      const bool positive = segment.name.ends_with("weight") || segment.name.ends_with("running_var");
      for (double& value : values) value = positive ? random.uniform(0.5, 1.0) : random.uniform(-0.2, 0.2);
      backend.upload(vector->segment(segment), values.data());
    }
  }
}

}  // namespace dgsam
